const MIB = 1024 ** 2

/** Smallest part we send. S3 and R2 allow 5 MiB; larger parts mean fewer billed requests. */
export const MIN_PART_BYTES = 8 * MIB

/** https://developers.cloudflare.com/r2/platform/limits/ */
export const MAX_PARTS = 10_000

export interface Part {
  /** Counted from 1, as S3 does. */
  readonly number: number
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/**
 * Parts of equal size, only the last one smaller: R2 refuses any other division.
 * https://developers.cloudflare.com/r2/objects/multipart-objects/#limitations
 */
export function planParts(sizeBytes: number): readonly Part[] {
  const partBytes = Math.max(MIN_PART_BYTES, Math.ceil(sizeBytes / MAX_PARTS / MIB) * MIB)
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => ({
    number: index + 1,
    start: index * partBytes,
    end: Math.min(sizeBytes, (index + 1) * partBytes),
  }))
}
