import { UmbraError } from '../errors/umbra-error.ts'

const UNSAFE = /[^A-Za-z0-9._@+=-]/gu

/**
 * One segment of an object key: Unicode NFC, then everything outside `[A-Za-z0-9._@+=-]` percent-encoded
 * as UTF-8; `.` and `..` whole. R2 folds NFC and NFD into one key, most other stores do not, so folding here
 * is what keeps two spellings from being one namespace on one store and two on another.
 *
 * @throws `INVALID_INPUT` for an empty part or a lone surrogate, which has no UTF-8 form.
 */
export function encodePathPart(part: string): string {
  if (part === '') throw new UmbraError('INVALID_INPUT', 'a key part must not be empty')
  if (!part.isWellFormed()) {
    throw new UmbraError(
      'INVALID_INPUT',
      'a key part must be well-formed unicode (it holds a lone surrogate)',
    )
  }
  const composed = part.normalize('NFC')
  if (composed === '.' || composed === '..') return composed.replaceAll('.', '%2E')
  return composed.replaceAll(UNSAFE, percentEncode)
}

/** The inverse of {@link encodePathPart}; undefined when `encoded` is not something it returns. */
export function decodePathPart(encoded: string): string | undefined {
  try {
    const part = decodeURIComponent(encoded)
    return part !== '' && encodePathPart(part) === encoded ? part : undefined
  } catch {
    // Malformed percent sequences are not ours.
    return undefined
  }
}

function percentEncode(character: string): string {
  return Array.from(new TextEncoder().encode(character), toPercent).join('')
}

function toPercent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
