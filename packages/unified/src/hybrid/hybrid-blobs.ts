import { checkBlobExpectation, hasErrorCode } from '@umbra/core'
import type { BlobExpectation, BlobStore, StoredBlob } from '@umbra/core'
import { createBlobCopies } from './blob-copies.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createKeyedQueue } from './keyed-queue.ts'

/**
 * Blobs in both: the primary decides, then the copy follows, at the latest when the blob is next read. One change of a path
 * at a time in this process. Reads reject while the primary cannot be reached.
 */
export function createHybridBlobs({ primary, secondary }: HybridParts, backlog: CopyBacklog): BlobStore {
  const inTurn = createKeyedQueue()
  const truth = primary.blobs
  const copies = createBlobCopies(secondary.blobs)

  async function copy(path: string, bytes: Uint8Array): Promise<void> {
    try {
      await copies.put(path, bytes)
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

  /** The blob, and whether it is only in the secondary. */
  async function find(path: string): Promise<{ blob: StoredBlob | undefined; only: boolean }> {
    const current = await truth.get(path)
    if (current !== undefined) return { blob: current, only: false }
    const left = await copies.get(path)
    if (left === undefined || !(await copies.wasInPrimary(path, left))) {
      return { blob: left, only: left !== undefined }
    }
    // Deleted from the primary, or copied there since we asked.
    return { blob: await truth.get(path), only: false }
  }

  /** A blob that is only in the secondary is copied first, so that the primary decides about its next version. */
  async function ensureInPrimary(path: string): Promise<StoredBlob | undefined> {
    const { blob, only } = await find(path)
    if (blob === undefined || !only) return blob
    try {
      await truth.put(path, blob.bytes, { kind: 'absent' })
      await copies.noteInPrimary(path, blob.etag)
      return blob
    } catch (error) {
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      return truth.get(path)
    }
  }

  async function put(path: string, bytes: Uint8Array, expect: BlobExpectation, opId: string | undefined) {
    if (expect !== undefined) await ensureInPrimary(path)
    const info = await decide(path, () => truth.put(path, bytes, expect, opId))
    if (info.superseded === true) await catchUp(path)
    else await copy(path, bytes)
    return info
  }

  /** The copy goes first: it could still be read during an outage if it outlived the blob. */
  async function remove(path: string, expect: BlobExpectation, opId: string | undefined): Promise<boolean> {
    const current = await ensureInPrimary(path)
    // Of one that was applied before, only the primary knows that its version is gone because of it.
    if (opId === undefined) checkBlobExpectation(path, current?.etag, expect)
    // Also one that the primary has not got any more.
    await copies.delete(path)
    if (current === undefined && opId === undefined) return false
    try {
      const existed = await decide(path, () => truth.delete(path, expect, opId))
      // A repeat may find what was written since.
      if (opId !== undefined) await catchUp(path)
      return existed
    } catch (error) {
      // Somebody has changed or deleted it, maybe an earlier request of ours that arrived late.
      if (hasErrorCode(error, 'PRECONDITION_FAILED'))
        await catchUp(path).catch((failure: unknown) => backlog.add([path], failure))
      // When it may be deleted, the next read makes the copy again, should it still be there.
      else if (!hasErrorCode(error, 'OUTCOME_PENDING') && current !== undefined)
        await copy(path, current.bytes)
      throw error
    }
  }

  /**
   * Copies what was not copied before: another process wrote it, or the one that did died before its copy. What the primary has
   * not is no reason to remove a copy: it may be another bucket than the one the copy is of.
   */
  async function catchUp(path: string): Promise<void> {
    const current = await truth.get(path)
    if (current === undefined) backlog.remove([path])
    else await copy(path, current.bytes)
  }

  return {
    put: (path, bytes, expect, opId) => inTurn(path, () => put(path, bytes, expect, opId)),
    delete: (path, expect, opId) => inTurn(path, () => remove(path, expect, opId)),
    async get(path) {
      const { blob, only } = await find(path)
      const isBehind = blob !== undefined && !only && !(await copies.has(path, blob.etag))
      if (isBehind || backlog.has(path)) await inTurn(path, () => catchUp(path))
      return blob
    },
  }
}
