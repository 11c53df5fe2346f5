import { createHash } from 'node:crypto'
import { checkBlobExpectation } from '../backend/check-blob-expectation.ts'
import { compareCodePoints } from '../backend/entry-order.ts'
import type { BlobStore, StoredBlob } from '../backend/blob-store.ts'
import type { ListedBlob } from '../backend/store-inventory.ts'
import { BLOBS_PREFIX } from '../keys/key-paths.ts'

export interface MemoryBlobStore extends BlobStore {
  /** In the order of their paths. */
  list(): ListedBlob[]
}

export function createMemoryBlobStore(): MemoryBlobStore {
  const blobs = new Map<string, StoredBlob>()
  return {
    async put(path, bytes, expect) {
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      const etag = createHash('md5').update(bytes).digest('hex')
      blobs.set(path, { bytes: Uint8Array.from(bytes), etag, size: bytes.byteLength })
      return { etag, size: bytes.byteLength }
    },
    get: async (path) => blobs.get(path),
    async delete(path, expect) {
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      return blobs.delete(path)
    },
    list: () =>
      [...blobs]
        .filter(([path]) => path.startsWith(BLOBS_PREFIX))
        .sort(([a], [b]) => compareCodePoints(a, b))
        .map(([path, { etag, size }]) => ({ path, etag, size })),
  }
}
