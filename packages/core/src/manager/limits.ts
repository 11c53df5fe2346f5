/** Sizes past which input is refused with `TOO_LARGE`. */
export interface StorageLimits {
  /** Bytes of one record's encoded body. Default 5 GiB - 5 MiB, R2's limit for a single object sent in one piece. */
  readonly maxRecordBytes: number
  /** Bytes of one blob's JSON. Default 4 MiB: a blob is rewritten whole and held in memory. */
  readonly maxBlobBytes: number
}

/** https://developers.cloudflare.com/r2/platform/limits/ */
export const DEFAULT_LIMITS: StorageLimits = {
  maxRecordBytes: 5 * 1024 ** 3 - 5 * 1024 ** 2,
  maxBlobBytes: 4 * 1024 ** 2,
}

/** Metadata travels in every manifest, so it is kept small. Bytes of JSON. */
export const MAX_METADATA_BYTES = 4_096
