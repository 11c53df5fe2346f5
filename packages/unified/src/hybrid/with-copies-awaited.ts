import type { BlobStore } from '@umbra/core'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyPending } from './copy-pending.ts'

/**
 * Blobs of a hybrid for a sender that repeats what rejects: a write resolves only when both sides have it, and so outlives the process
 * while its copy cannot be made.
 */
export function withCopiesAwaited(blobs: BlobStore, backlog: CopyBacklog): BlobStore {
  return {
    get: (path) => blobs.get(path),
    delete: (...about) => blobs.delete(...about),
    newest: async (...about) => blobs.newest?.(...about),
    async put(...about) {
      const [path] = about
      const info = await blobs.put(...about)
      if (backlog.has(path)) throw copyPending(backlog.problem())
      return info
    },
  }
}
