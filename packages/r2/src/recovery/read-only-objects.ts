import type { ObjectStore } from '@umbra/core'

/** The same objects, and nothing that is written arrives: what is planned on them can be thrown away. */
export function withoutWrites(objects: ObjectStore): ObjectStore {
  return {
    get: (key, options) => objects.get(key, options),
    head: (key) => objects.head(key),
    list: (prefix, options) => objects.list(prefix, options),
    listFolders: (prefix) => objects.listFolders(prefix),
    put: async () => ({ etag: '' }),
    delete: async () => {},
    deleteMany: async (keys) => ({ deleted: [...keys], failed: [] }),
  }
}
