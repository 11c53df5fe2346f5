import { BLOBS_PREFIX, decodePathPart, MANIFESTS_PREFIX } from '@umbra/core'
import type { ManifestEntry, Namespace, ObjectStore, StoreInventory } from '@umbra/core'

/** The current entries of these ids, deletions included. */
type ReadEntries = (
  namespace: Namespace,
  ids: readonly string[],
) => Promise<ReadonlyMap<string, ManifestEntry>>

/** What the bucket holds, by listing it: one Class A operation for every module and every 1,000 names. */
export function createR2Inventory(objects: ObjectStore, readEntries: ReadEntries): StoreInventory {
  return {
    async *listNamespaces() {
      for await (const modulePrefix of objects.listFolders(MANIFESTS_PREFIX)) {
        const module = lastPart(modulePrefix)
        if (module === undefined) continue
        for await (const userPrefix of objects.listFolders(modulePrefix)) {
          const userId = lastPart(userPrefix)
          if (userId !== undefined) yield { module, userId }
        }
      }
    },
    async *listBlobs() {
      for await (const { key, etag, size } of objects.list(BLOBS_PREFIX)) {
        // An empty object is what is left of a deleted blob.
        if (size > 0) yield { path: key, etag, size }
      }
    },
    async findDeletions(namespace, ids) {
      if (ids.length === 0) return new Map()
      const found = await readEntries(namespace, ids)
      const deleted = [...found.values()].filter(({ op }) => op === 'del')
      return new Map(deleted.map(({ id, rev, timestamp }) => [id, { rev, timestamp }]))
    },
  }
}

/** The name of a folder; undefined when it is not one of ours. */
function lastPart(prefix: string): string | undefined {
  return decodePathPart(prefix.split('/').at(-2) ?? '')
}
