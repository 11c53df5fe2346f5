import type { Staleness } from '../staleness.ts'
import type { Consistency } from './consistency.ts'

/** A blob's version: `etag` is the MD5 of its bytes in lower-case hex, the same on every backend. */
export interface BlobInfo {
  readonly etag: string
  /** Bytes. */
  readonly size: number
  /** The write is durable on this machine but not yet applied. */
  readonly pending?: true
  /** It is not the current version any more: a repeat found that others have written since. */
  readonly superseded?: true
}

export interface StoredBlob extends BlobInfo {
  readonly bytes: Uint8Array
  /** Present when the store could not be asked, so this may be out of date. */
  readonly stale?: Staleness
}

export interface BlobReading {
  /** The store is asked, or the read rejects. Default: only while it can be reached. */
  readonly consistency?: Extract<Consistency, { readonly kind: 'strong' }>
}

/** `absent` creates only; an etag replaces exactly that version; undefined overwrites. */
export type BlobExpectation = Readonly<{ kind: 'absent' } | { kind: 'etag'; etag: string }> | undefined

/** A write that is repeated until its outcome is known: it is applied once. */
export interface NamedWrite {
  /** Unique to the write. */
  readonly opId: string
  /** The version that was current before it was first tried, as {@link BlobStore.newest} says; undefined when that is not known. */
  readonly since: string | undefined
  /**
   * Whether the caller is still the one who repeats it, and wants it over `newest`, the version it is about to replace. Asked each
   * time after looking at the blob, before every attempt to write it. When it says no, the call rejects with `CONFLICT` and
   * `details.reason` `writer-superseded`: what a successor found refused is then never applied by this call. Default: always yes.
   */
  readonly mayApply?: (newest: string) => boolean
}

/** What {@link BlobStore.newest} names where nothing was ever written, or it is gone without a trace. */
export const NEVER_WRITTEN = 'none'

/**
 * Key-value JSON documents, each replaced in place by compare-and-swap. `path` is an encoded object key.
 *
 * A repeat of a `named` write that was applied resolves, however many others have written since. When they were so many that
 * it may be forgotten, one without an expectation counts as overtaken, and any other as refused (`details.reason`
 * `forgotten`). A store whose answers cannot get lost may ignore names.
 */
export interface BlobStore {
  /** Rejects with `PRECONDITION_FAILED` and `details.currentEtag` (null when absent) when the expectation does not hold. */
  put(path: string, bytes: Uint8Array, expect: BlobExpectation, named?: NamedWrite): Promise<BlobInfo>
  get(path: string, reading?: BlobReading): Promise<StoredBlob | undefined>
  /** Resolves to whether there was a blob to delete. */
  delete(path: string, expect: BlobExpectation, named?: NamedWrite): Promise<boolean>
  /** Names the current version, a deletion too, for {@link NamedWrite.since}; undefined where names are ignored. */
  newest?(path: string): Promise<string | undefined>
}
