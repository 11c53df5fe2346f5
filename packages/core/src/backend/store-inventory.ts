import type { Namespace } from '../records/namespace.ts'
import type { BlobInfo } from './blob-store.ts'

export interface ListedBlob extends BlobInfo {
  /** The blob's encoded object key. */
  readonly path: string
}

export interface Deletion {
  /** The revision the deletion has. */
  readonly rev: number
  /** When the deleted record was first stored: ISO 8601, UTC. A record that uses the id again has a later one. */
  readonly timestamp: string
}

/** What a store holds in all, for those who copy or check all of it. */
export interface StoreInventory {
  /** Every namespace anything was ever stored in, in any order; also one whose records were all deleted. */
  listNamespaces(): AsyncIterable<Namespace>
  /** Callers' blobs, none of the library's own notes, by path in the order of UTF-8 bytes. */
  listBlobs(): AsyncIterable<ListedBlob>
  /** Of these ids, those that were deleted. */
  findDeletions(namespace: Namespace, ids: readonly string[]): Promise<ReadonlyMap<string, Deletion>>
}
