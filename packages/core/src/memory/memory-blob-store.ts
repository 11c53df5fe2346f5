import { createHash } from 'node:crypto'
import { checkBlobExpectation } from '../backend/check-blob-expectation.ts'
import type { BlobStore, StoredBlob } from '../backend/blob-store.ts'

export function createMemoryBlobStore(): BlobStore {
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
  }
}
