/** A blob's version: `etag` is the MD5 of its bytes in lower-case hex, the same on every backend. */
export interface BlobInfo {
  readonly etag: string
  /** Bytes. */
  readonly size: number
  /** The write is durable on this machine but not yet applied. */
  readonly pending?: true
  /** A repeat found that it was applied before, and that another version has replaced it since. */
  readonly superseded?: true
}

export interface StoredBlob extends BlobInfo {
  readonly bytes: Uint8Array
}

/** `absent` creates only; an etag replaces exactly that version; undefined overwrites. */
export type BlobExpectation = Readonly<{ kind: 'absent' } | { kind: 'etag'; etag: string }> | undefined

/**
 * Key-value JSON documents, each replaced in place by compare-and-swap. `path` is an encoded object key.
 *
 * `opId` is a ULID that names a write: one that is repeated under its name, because its answer was lost, is applied once, and
 * resolves however much was written since. A store whose answers cannot get lost may ignore it.
 */
export interface BlobStore {
  /** Rejects with `PRECONDITION_FAILED` and `details.currentEtag` (null when absent) when the expectation does not hold. */
  put(path: string, bytes: Uint8Array, expect: BlobExpectation, opId?: string): Promise<BlobInfo>
  get(path: string): Promise<StoredBlob | undefined>
  /** Resolves to whether there was a blob to delete. */
  delete(path: string, expect: BlobExpectation, opId?: string): Promise<boolean>
}
