import { checkBlobExpectation, hasErrorCode } from '@umbra/core'
import type { BlobExpectation, BlobStore, StoredBlob } from '@umbra/core'
import type { CopyBacklog } from './copy-backlog.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { readEither } from './hybrid-parts.ts'
import { createKeyedQueue } from './keyed-queue.ts'

/** Blobs in both: the primary decides, then the copy follows. One change of a path at a time in this process. */
export function createHybridBlobs({ primary, secondary }: HybridParts, backlog: CopyBacklog): BlobStore {
  const inTurn = createKeyedQueue()
  const truth = primary.blobs
  const copies = secondary.blobs

  async function copy(path: string, change: () => Promise<unknown>): Promise<void> {
    try {
      await change()
      backlog.remove([path])
    } catch (error) {
      backlog.add([path], error)
    }
  }

  /** A change that may or may not have happened leaves the copy in doubt. */
  async function decide<T>(path: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } catch (error) {
      if (hasErrorCode(error, 'OUTCOME_PENDING')) backlog.add([path], error)
      throw error
    }
  }

  /** A blob that is only in the secondary is copied first, so that the primary decides about its next version. */
  async function ensureInPrimary(path: string): Promise<StoredBlob | undefined> {
    const current = await truth.get(path)
    if (current !== undefined) return current
    const only = await copies.get(path)
    if (only === undefined) return undefined
    try {
      await truth.put(path, only.bytes, { kind: 'absent' })
      return only
    } catch (error) {
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      return truth.get(path)
    }
  }

  async function put(path: string, bytes: Uint8Array, expect: BlobExpectation) {
    if (expect !== undefined) await ensureInPrimary(path)
    const info = await decide(path, () => truth.put(path, bytes, expect))
    await copy(path, () => copies.put(path, bytes, undefined))
    return info
  }

  /** The copy goes first: one that outlived the blob would be taken for a blob that is only there. */
  async function remove(path: string, expect: BlobExpectation): Promise<boolean> {
    const current = await ensureInPrimary(path)
    checkBlobExpectation(path, current?.etag, expect)
    if (current === undefined) return false
    await copies.delete(path, undefined)
    try {
      return await decide(path, () => truth.delete(path, expect))
    } catch (error) {
      await copy(path, () => copies.put(path, current.bytes, { kind: 'absent' }))
      throw error
    }
  }

  return {
    put: (path, bytes, expect) => inTurn(path, () => put(path, bytes, expect)),
    delete: (path, expect) => inTurn(path, () => remove(path, expect)),
    get: (path) =>
      readEither(
        async () => {
          const current = await truth.get(path)
          if (current !== undefined && backlog.has(path)) {
            await inTurn(path, () => copy(path, () => copies.put(path, current.bytes, undefined)))
          }
          return current ?? copies.get(path)
        },
        () => copies.get(path),
      ),
  }
}
