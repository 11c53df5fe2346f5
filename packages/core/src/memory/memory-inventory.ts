import { compareCodePoints } from '../backend/entry-order.ts'
import type { StoreInventory } from '../backend/store-inventory.ts'
import { namespacePath } from '../keys/key-paths.ts'
import { decodePathPart } from '../keys/path-part.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { MemoryBlobStore } from './memory-blob-store.ts'

/** @param namespaces - the entries of every namespace, deletions included, by its path and the record's id */
export function createMemoryInventory(
  namespaces: ReadonlyMap<string, ReadonlyMap<string, ManifestEntry>>,
  blobs: MemoryBlobStore,
): StoreInventory {
  return {
    async *listNamespaces() {
      for (const path of [...namespaces.keys()].sort(compareCodePoints)) {
        const [module, userId] = path.split('/').map(decodePathPart)
        if (module !== undefined && userId !== undefined) yield { module, userId }
      }
    },
    async *listBlobs() {
      yield* blobs.list()
    },
    async findDeletions(namespace, ids) {
      const entries = namespaces.get(namespacePath(namespace))
      const found = ids.flatMap((id) => entries?.get(id) ?? [])
      const deleted = found.filter(({ op }) => op === 'del')
      return new Map(deleted.map(({ id, rev, timestamp }) => [id, { rev, timestamp }]))
    },
  }
}
