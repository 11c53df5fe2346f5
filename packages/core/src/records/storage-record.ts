import type { JsonObject } from '../json.ts'
import type { Staleness } from '../staleness.ts'
import type { DataFormat } from './data-format.ts'

/** Where a record was read from or written to. `memory` only in tests. */
export type StorageLocation = 'r2' | 'sqlite' | 'memory'

/** A record without its body: what a manifest entry says, in the library's own names. */
export interface StorageRecordInfo {
  readonly id: string
  readonly module: string
  readonly userId: string
  readonly dataFormat: DataFormat
  /** When the record was first stored: ISO 8601, UTC. */
  readonly timestamp: string
  /** When this revision was stored; equals `timestamp` on the first. */
  readonly updatedAt: string
  readonly storageBackend: StorageLocation
  /** Object key of the body, readable with any S3 client when stored on R2. */
  readonly storageKey: string
  /** The version to pass as `ifMatch`. Equal on every backend. */
  readonly etag: string
  readonly revision: number
  /** Bytes of the stored body. */
  readonly size: number
  /** Rows of a `jsonl` or `parquet` record, else null. */
  readonly recordCount: number | null
  readonly metadata: JsonObject
  readonly contentType: string
  readonly filename: string | null
  /** True when the write is durable locally but not yet applied to its backend. */
  readonly pending: boolean
  /** True when the search text was cut at its bound: a search may miss what lies beyond. */
  readonly searchTruncated: boolean
  /** Present when the store could not be asked: `asOf` is when it last was (null: never, or not noted), `pending` how many writes wait. */
  readonly stale?: Staleness
}

/** A record with its body decoded: a JSON value, `{ records }` for `jsonl` and `parquet`, bytes for `binary`. */
export interface StorageRecord extends StorageRecordInfo {
  readonly data: unknown
}
