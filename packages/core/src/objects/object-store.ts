import type { ByteRange, RecordBody } from '../bodies/record-body.ts'

export type ObjectBody = Uint8Array | Pick<RecordBody, 'size' | 'bytes' | 'stream'>

export interface PutOptions {
  /** Replace exactly this version. Without quotes, as every ETag here. */
  readonly ifMatch?: string
  /** Create only. */
  readonly ifNoneMatch?: '*'
  readonly contentType?: string
  /** Any Unicode; names are lower-case ASCII. Encoded, at most 8,192 bytes in all, else `TOO_LARGE`. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Gives up with `TIMEOUT`; the outcome is then unknown. */
  readonly signal?: AbortSignal
}

export interface GetOptions {
  readonly range?: ByteRange
  /** Resolves to `not-modified` when the object still has this ETag. */
  readonly ifNoneMatch?: string
  /** Rejects with `PRECONDITION_FAILED` when the object has another ETag. */
  readonly ifMatch?: string
  readonly signal?: AbortSignal
}

export interface ObjectHead {
  readonly etag: string
  /** Bytes of the whole object, also when a range was asked for. */
  readonly size: number
  readonly metadata: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly lastModified: Date
  /** The store's own time when it answered, to the second; undefined when it does not say (local servers do not). */
  readonly serverDate: Date | undefined
}

/** `body` and `bytes` read the same single stream: use one of them, once, and read it or leave its loop. */
export interface FoundObject extends ObjectHead {
  readonly kind: 'found'
  /** Rejects with `TIMEOUT` when no byte arrives in time and `UNAVAILABLE` when it ends early; never a short read. */
  readonly body: AsyncIterable<Uint8Array>
  bytes(): Promise<Uint8Array>
}

export interface NotModified {
  readonly kind: 'not-modified'
}

export interface ObjectInfo {
  readonly key: string
  readonly etag: string
  /** Bytes. */
  readonly size: number
  readonly lastModified: Date
}

export interface ListObjectsOptions {
  /** Most objects to return. Default: all. */
  readonly limit?: number
  /** Only keys after this one, in UTF-8 byte order. */
  readonly startAfter?: string
  /** Allows a prefix that does not end in `/`, and the empty one: `a/b` then also lists `a/bc/`. */
  readonly partialPrefix?: true
}

export interface DeleteFailure {
  readonly key: string
  /** The store's own error code. */
  readonly code: string
  readonly message: string
}

export interface DeleteOutcome {
  readonly deleted: readonly string[]
  readonly failed: readonly DeleteFailure[]
}

/**
 * Bytes under keys, with conditional writes. One call is one attempt, but for the pages of a listing: whether to repeat it is the caller's decision,
 * because a write whose answer was lost may have been applied. Every failure is an `UmbraError`; that of a write
 * says in `details.outcome` whether it is `not-applied` for certain or `unknown`.
 */
export interface ObjectStore {
  /**
   * Writes the whole object or nothing. Of several concurrent writers with the same condition at most one succeeds;
   * the others reject with `PRECONDITION_FAILED`, or `CONFLICT` when the store could not tell who came first.
   *
   * Bodies above 32 MiB travel in parts, and there create-only is checked just before the parts are joined, not
   * atomically with it: rely on it only for keys nobody else writes. `ifMatch` is `UNSUPPORTED` for them.
   */
  put(key: string, body: ObjectBody, options?: PutOptions): Promise<{ readonly etag: string }>
  /** Resolves to undefined when the key is absent. */
  get(key: string, options?: GetOptions): Promise<FoundObject | NotModified | undefined>
  /** Resolves to undefined when the key is absent. */
  head(key: string): Promise<ObjectHead | undefined>
  /** Every object below a folder, page after page, in key order. Rejects with `INVALID_INPUT` unless it ends in `/`. */
  list(prefix: string, options?: ListObjectsOptions): AsyncIterable<ObjectInfo>
  /** The folders directly inside a folder, each ending in `/`. */
  listFolders(prefix: string): AsyncIterable<string>
  /** Absent keys count as deleted. */
  delete(key: string): Promise<void>
  /** Deletes each key on its own; absent keys count as deleted. Does not reject for a single key. */
  deleteMany(keys: readonly string[]): Promise<DeleteOutcome>
}
