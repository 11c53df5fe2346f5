/** A blob's version: `etag` is the MD5 of its bytes in lower-case hex, the same on every backend. */
export interface BlobInfo {
  readonly etag: string
  /** Bytes. */
  readonly size: number
  /** The write is durable on this machine but not yet applied. */
  readonly pending?: true
}

export interface StoredBlob extends BlobInfo {
  readonly bytes: Uint8Array
}

/** `absent` creates only; an etag replaces exactly that version; undefined overwrites. */
export type BlobExpectation = Readonly<{ kind: 'absent' } | { kind: 'etag'; etag: string }> | undefined

/** Key-value JSON documents, each replaced in place by compare-and-swap. `path` is an encoded object key. */
export interface BlobStore {
  /** Rejects with `PRECONDITION_FAILED` and `details.currentEtag` (null when absent) when the expectation does not hold. */
  put(path: string, bytes: Uint8Array, expect: BlobExpectation): Promise<BlobInfo>
  get(path: string): Promise<StoredBlob | undefined>
  /** Resolves to whether there was a blob to delete. */
  delete(path: string, expect: BlobExpectation): Promise<boolean>
}
