import { randomUUID } from 'node:crypto'
import { blobEtag } from '../backend/blob-etag.ts'
import { checkBlobExpectation } from '../backend/check-blob-expectation.ts'
import { checkMayApply } from '../backend/check-may-apply.ts'
import { compareCodePoints } from '../backend/entry-order.ts'
import { NEVER_WRITTEN } from '../backend/blob-store.ts'
import type { BlobStore, NamedWrite, StoredBlob } from '../backend/blob-store.ts'
import type { ListedBlob } from '../backend/store-inventory.ts'
import { BLOBS_PREFIX } from '../keys/key-paths.ts'

export interface MemoryBlobStore extends BlobStore {
  /** In the order of their paths. */
  list(): ListedBlob[]
}

export function createMemoryBlobStore(): MemoryBlobStore {
  const blobs = new Map<string, StoredBlob>()
  /** Of every path the names of its writes, in order. */
  const applied = new Map<string, string[]>()
  const note = (path: string, named: NamedWrite | undefined) =>
    applied.set(path, [...(applied.get(path) ?? []), named?.opId ?? randomUUID()])
  const wasApplied = (path: string, named: NamedWrite | undefined) =>
    named !== undefined && applied.get(path)?.includes(named.opId) === true
  const newest = (path: string) => applied.get(path)?.at(-1) ?? NEVER_WRITTEN
  return {
    async put(path, bytes, expect, named) {
      const etag = blobEtag(bytes)
      const info = { etag, size: bytes.byteLength }
      if (wasApplied(path, named)) return newest(path) === named?.opId ? info : { ...info, superseded: true }
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      checkMayApply(path, named, newest(path))
      blobs.set(path, { bytes: Uint8Array.from(bytes), ...info })
      note(path, named)
      return info
    },
    get: async (path) => blobs.get(path),
    async delete(path, expect, named) {
      if (wasApplied(path, named)) return true
      checkBlobExpectation(path, blobs.get(path)?.etag, expect)
      checkMayApply(path, named, newest(path))
      note(path, named)
      return blobs.delete(path)
    },
    newest: async (path) => newest(path),
    list: () =>
      [...blobs]
        .filter(([path]) => path.startsWith(BLOBS_PREFIX))
        .sort(([a], [b]) => compareCodePoints(a, b))
        .map(([path, { etag, size }]) => ({ path, etag, size })),
  }
}
