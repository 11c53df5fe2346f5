import type { DiskPartCacheSettings } from './cache/disk-part-cache.ts'

/** How to reach one bucket. Plain data that holds a secret: never log it, never put it into an error. */
export interface R2Settings {
  /** `https://{account}.r2.cloudflarestorage.com`, a jurisdiction endpoint, or any other S3 endpoint. */
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Default {@link DEFAULT_REGION}, the only one R2 has. */
  readonly region?: string
  /** Milliseconds to open a connection. Default {@link DEFAULT_CONNECT_TIMEOUT_MS}. */
  readonly connectTimeoutMs?: number
  /**
   * Milliseconds from the start of a request to its answer, and then between two pieces of the answer's body.
   * Large uploads are given more, by their size. Default {@link DEFAULT_REQUEST_TIMEOUT_MS}.
   */
  readonly requestTimeoutMs?: number
  /** Where immutable parts of manifests are kept on this machine. Default: a folder in the system's temporary folder. */
  readonly cache?: DiskPartCacheSettings
  /**
   * Whether the store takes one write of a key per second, as R2 does: writers of a namespace then take turns, and many records share
   * a commit. Default: true for Cloudflare's own endpoints; any other store is found out by its first 429.
   */
  readonly paced?: boolean
  /** You promise that only one process ever writes to the bucket: allows a store that ignores conditional writes. */
  readonly singleWriter?: true
}

export const DEFAULT_REGION = 'auto'
export const DEFAULT_CONNECT_TIMEOUT_MS = 3_000
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
