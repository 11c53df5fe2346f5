import type { BlobStore } from '@umbra/core'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyPending } from './copy-pending.ts'

/**
 * Blobs of a hybrid for a sender that repeats what rejects: a write resolves only when both sides have it, and so outlives the process
 * while its copy cannot be made.
 */
export function withCopiesAwaited(blobs: BlobStore, backlog: CopyBacklog): BlobStore {
  async function whenCopied<T>(path: string, write: Promise<T>): Promise<T> {
    const result = await write
    if (backlog.has(path)) throw copyPending(backlog.problem())
    return result
  }

  return {
    get: (path) => blobs.get(path),
    newest: async (...about) => blobs.newest?.(...about),
    put: (...about) => whenCopied(about[0], blobs.put(...about)),
    delete: (...about) => whenCopied(about[0], blobs.delete(...about)),
  }
}
