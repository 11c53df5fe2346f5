import { UmbraError } from '@umbra/core'

/** Names and encoded values together, without the `x-amz-meta-` prefix: https://developers.cloudflare.com/r2/platform/limits/ */
const MAX_METADATA_BYTES = 8_192

const NAME = /^[a-z0-9-]+$/

type Metadata = Readonly<Record<string, string>>

/**
 * Values become percent-encoded UTF-8: raw Unicode is mangled on the way through HTTP headers, and RFC 2047 words
 * are rewritten by some stores.
 */
export function encodeMetadata(metadata: Metadata): Record<string, string> {
  const encoded = Object.fromEntries(Object.entries(metadata).map(encodeEntry))
  const bytes = Object.entries(encoded).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (bytes > MAX_METADATA_BYTES) {
    throw new UmbraError('TOO_LARGE', `object metadata is too large; store less of it. bytes=${bytes}`, {
      details: { bytes, limit: MAX_METADATA_BYTES },
    })
  }
  return encoded
}

/** Values that are not ours, and so may hold a bare percent sign, are passed as they are. */
export function decodeMetadata(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, decodeValue(value)]))
}

function encodeEntry([name, value]: [string, string]): [string, string] {
  if (!NAME.test(name)) {
    throw new UmbraError(
      'INVALID_INPUT',
      `metadata names are lower-case letters, digits and dashes. name=${name}`,
    )
  }
  if (!value.isWellFormed()) {
    throw new UmbraError(
      'INVALID_INPUT',
      `metadata must be well-formed unicode (it holds a lone surrogate). name=${name}`,
    )
  }
  return [name, encodeURIComponent(value)]
}

function decodeValue(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
