import type { JsonObject } from '../json.ts'
import type { DataFormat } from './data-format.ts'

/**
 * One line of a manifest: where a record's current revision lies and what it is.
 * The first nine names are the original manifest's own, hence the snake case.
 */
export interface ManifestEntry {
  readonly id: string
  readonly module: string
  readonly user_id: string
  /** When the record was first stored: ISO 8601, UTC, milliseconds. */
  readonly timestamp: string
  readonly data_type: DataFormat
  /** Object key of this revision's body. */
  readonly key: string
  /** The object's own ETag, without quotes. Not the record's: see `recordEtag`. */
  readonly etag: string
  /** Bytes of the body. */
  readonly size: number
  readonly metadata: JsonObject
  /** 1 for the first revision; grows by one with every update and with the deletion. */
  readonly rev: number
  /** `del` is a tombstone: it has no body and hides every older revision. */
  readonly op: 'put' | 'del'
  /** SHA-256 of the body, lower-case hex; empty for entries written by the original system. */
  readonly sha256: string
  /** Rows of a `jsonl` or `parquet` record, else null. */
  readonly record_count: number | null
  /** Normalised search text: tokens joined by single spaces. */
  readonly text: string
  /** Present when the search text was cut at its bound, so a miss is not proof of absence. */
  readonly text_truncated?: true
  /** When this revision was written; absent on the first. */
  readonly updated_at?: string
  readonly content_type?: string
  readonly filename?: string
}

/** What is known of a revision before it is stored; the backend adds revision, key and object ETag. */
export type EntryDraft = Omit<ManifestEntry, 'key' | 'etag' | 'rev' | 'op'>
