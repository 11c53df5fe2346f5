import type { Namespace } from '../records/namespace.ts'
import type { BlobInfo } from './blob-store.ts'

export interface ListedBlob extends BlobInfo {
  /** The blob's encoded object key. */
  readonly path: string
}

/** What a store holds in all, for those who copy or check all of it. */
export interface StoreInventory {
  /** Every namespace anything was ever stored in, in any order; also one whose records were all deleted. */
  listNamespaces(): AsyncIterable<Namespace>
  /** Callers' blobs, none of the library's own notes, by path in the order of UTF-8 bytes. */
  listBlobs(): AsyncIterable<ListedBlob>
  /** Of these ids, those that were deleted, each with the revision its deletion has. */
  findDeletions(namespace: Namespace, ids: readonly string[]): Promise<ReadonlyMap<string, number>>
}
