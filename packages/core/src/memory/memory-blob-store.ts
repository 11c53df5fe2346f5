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
  /** Of every path the names of its writes, in order. */
  const applied = new Map<string, (string | undefined)[]>()
  const note = (path: string, opId: string | undefined) =>
    applied.set(path, [...(applied.get(path) ?? []), opId])
  const wasApplied = (path: string, opId: string | undefined) =>
    opId !== undefined && applied.get(path)?.includes(opId) === true
  return {
    async put(path, bytes, expect, opId) {
      const etag = createHash('md5').update(bytes).digest('hex')
      const info = { etag, size: bytes.byteLength }
      if (wasApplied(path, opId))
        return applied.get(path)?.at(-1) === opId ? info : { ...info, superseded: true }
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      blobs.set(path, { bytes: Uint8Array.from(bytes), ...info })
      note(path, opId)
      return info
    },
    get: async (path) => blobs.get(path),
    async delete(path, expect, opId) {
      if (wasApplied(path, opId)) return true
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      if (!blobs.delete(path)) return false
      note(path, opId)
      return true
    },
    list: () =>
      [...blobs]
        .filter(([path]) => path.startsWith(BLOBS_PREFIX))
        .sort(([a], [b]) => compareCodePoints(a, b))
        .map(([path, { etag, size }]) => ({ path, etag, size })),
  }
}
