import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { plainBackend } from '../plain-backend.fixture.ts'

/** A database whose disk is full while `full` is true: it can be read but takes no record and no blob. */
export function withFullDisk(disk: { readonly full: boolean }) {
  const refuse = () => new UmbraError('UNAVAILABLE', 'the disk is full')
  return (backend: StorageBackend): StorageBackend => ({
    ...plainBackend(backend),
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
  })
}
