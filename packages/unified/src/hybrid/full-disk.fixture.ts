import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'

/** A database whose disk is full while `full` is true: it can be read but takes no record and no blob. */
export function withFullDisk(disk: { readonly full: boolean }) {
  const refuse = () => new UmbraError('UNAVAILABLE', 'the disk is full')
  return (backend: StorageBackend): StorageBackend => ({
    name: backend.name,
    capabilities: backend.capabilities,
    uploads: backend.uploads,
    blobs: {
      get: (path) => backend.blobs.get(path),
      delete: (...about) => backend.blobs.delete(...about),
      async put(...about) {
        // The note of a deletion is written before the disk fills up.
        if (disk.full && about[0].startsWith('json_blobs/')) throw refuse()
        return backend.blobs.put(...about)
      },
    },
    async commit(namespace, mutations) {
      if (disk.full) throw refuse()
      return backend.commit(namespace, mutations)
    },
    purge: async (namespace, id) => backend.purge?.(namespace, id),
    getEntry: (namespace, id) => backend.getEntry(namespace, id),
    findEntries: (namespace, query) => backend.findEntries(namespace, query),
    openBody: (stored, range) => backend.openBody(stored, range),
    presignDownload: (stored, options) => backend.presignDownload(stored, options),
    health: () => backend.health(),
    close: () => backend.close(),
  })
}
