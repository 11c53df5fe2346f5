import type { JsonObject, JsonPrimitive } from '../json.ts'
import type { DataFormat } from '../records/data-format.ts'

/** Rows of a `jsonl` or `parquet` record: all at once, or streamed in bounded memory. */
export type RecordRows = readonly unknown[] | Iterable<unknown> | AsyncIterable<unknown>

/** Bytes of a `binary` record: all at once, or streamed in bounded memory. */
export type BinaryData = Uint8Array | AsyncIterable<Uint8Array>

export interface StoreRequest {
  readonly module: string
  readonly userId: string
  /**
   * `json`: any JSON value. `jsonl`, `parquet`: `{ records }`. `binary`: bytes or a stream of them.
   */
  readonly data: unknown
  /** Default `json`. */
  readonly dataFormat?: DataFormat
  /** Your own id, unique in the namespace; default a new ULID. */
  readonly id?: string
  /** Small facts to filter by, at most 4,096 bytes as JSON. */
  readonly metadata?: JsonObject
  /** Only for `binary`: the original file's name. */
  readonly filename?: string
  /** Only for `binary`; default `application/octet-stream`. */
  readonly contentType?: string
}

/** One record of an import: a {@link StoreRequest} that need not repeat whose it is. */
export type ImportRequest = Omit<StoreRequest, 'module' | 'userId'> &
  Partial<Pick<StoreRequest, 'module' | 'userId'>>

export interface ImportOptions {
  /** Called after each commit with the number of records committed so far. */
  readonly onProgress?: (progress: ImportReport) => void
}

export interface ImportReport {
  /** Records that are stored: always the first so many of the requests. */
  readonly committed: number
}

export interface UpdateRequest {
  readonly module: string
  readonly userId: string
  readonly recordId: string
  /** The new data in the record's own format, or a function from the current data to the new. A function may run more than once. */
  readonly data: unknown
  /** The etag the record must still have. Without it the update is retried over whatever is current. */
  readonly ifMatch?: string
  /** Default: kept as it is. */
  readonly metadata?: JsonObject
}

export interface DeleteOptions {
  /** The etag the record must still have. Without it whatever is current is deleted. */
  readonly ifMatch?: string
  /**
   * Leave nothing of the record behind, for privacy: its bodies of all revisions and its lines in the manifest's parts are
   * removed at once and not after a grace, so readers of older versions may have to start again. A SQLite file is written anew, which
   * takes time and disk in proportion to its size. When it resolves they are gone; it rejects with `UNAVAILABLE`, to be repeated, when
   * something could not be removed yet. Behind an outbox it rejects with `UNAVAILABLE` when the deletion itself is pending, which it stays: delete again with `hard`
   * later; and with `CONFLICT` (`details.conflicts`) when refused writes still hold versions: resolve those first. Default false.
   */
  readonly hard?: boolean
}

/**
 * How new a read must be. `strong`: it sees every write acknowledged before it began. `maxAgeMs`: it may be that many
 * milliseconds old, which costs no request when something so new is known. `snapshot`: exactly the pinned version.
 */
export type ReadConsistency = 'strong' | { readonly maxAgeMs: number } | { readonly snapshot: string }

export interface InfoOptions {
  /**
   * Default: strong while the store can be reached, else the version last seen, which says so (`stale`). A read that asks for
   * `strong` rejects then, with `UNAVAILABLE` or the store's refusal of the credentials. Backends that keep one version only (sqlite) are always strong, and know no snapshots.
   */
  readonly consistency?: ReadConsistency
}

export interface RetrieveOptions extends InfoOptions {
  /** Check the body against the SHA-256 in the manifest. Default true. */
  readonly verify?: boolean
}

export interface ListOptions extends RetrieveOptions {
  /** Default `newest` for searches, `oldest` for retrieving and iterating. Ties break by id. */
  readonly order?: 'newest' | 'oldest'
  /** Most records per page: 1 to 10,000; default 100. */
  readonly limit?: number
  /** From the previous page. */
  readonly cursor?: string
  /** Only records stored at or after this moment: Date or ISO 8601. */
  readonly from?: Date | string
  /** Only records stored before this moment: Date or ISO 8601. */
  readonly to?: Date | string
  readonly dataFormat?: DataFormat
  /** Only records whose metadata has exactly these values. */
  readonly metadata?: Readonly<Record<string, JsonPrimitive>>
}

export interface SearchOptions extends ListOptions {
  /** `words` (default): words, "phrases", -exclusions, field:value. `substring`: the text anywhere, as the original did. */
  readonly mode?: 'words' | 'substring'
}

export interface PresignOptions {
  /** Seconds the link is valid, 1 to 604,800 (7 days); default 3,600. */
  readonly expiresIn?: number
  /** Ask the browser to save the file under this name. */
  readonly downloadAs?: string
}

export interface PresignUploadRequest {
  readonly module: string
  readonly userId: string
  readonly contentType: string
  /** Seconds the link is valid, 1 to 604,800 (7 days); default 3,600. */
  readonly expiresIn?: number
}

export interface FinalizeUploadRequest {
  readonly module: string
  readonly userId: string
  readonly uploadId: string
  readonly filename?: string
  readonly metadata?: JsonObject
}

export interface BlobReadOptions {
  /**
   * Default: strong while the store can be reached, else what is pending or, in hybrid, the copy (`stale`). With `strong` the read
   * rejects then, with `UNAVAILABLE` or the store's refusal of the credentials.
   */
  readonly consistency?: 'strong'
}

export interface BlobWriteOptions {
  /** Replace exactly this version. */
  readonly ifMatch?: string
  /** `'*'`: create only. */
  readonly ifNoneMatch?: '*'
}
