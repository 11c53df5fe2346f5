import { checkBlobExpectation, hasErrorCode } from '@umbra/core'
import type { BlobExpectation, BlobStore, NamedWrite, StoredBlob } from '@umbra/core'
import { createBlobCopies } from './blob-copies.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createKeyedQueue } from './keyed-queue.ts'

/** What no version has: only a write that was applied before resolves with it. */
const NO_VERSION: BlobExpectation = { kind: 'etag', etag: '-' }

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

  async function put(path: string, bytes: Uint8Array, expect: BlobExpectation) {
    if (expect !== undefined) await ensureInPrimary(path)
    const info = await decide(path, () => truth.put(path, bytes, expect))
    await copy(path, bytes)
    return info
  }

  /** One that is repeated is known to the primary, which is asked before anything is done that an earlier attempt may have done. */
  async function putNamed(path: string, bytes: Uint8Array, expect: BlobExpectation, named: NamedWrite) {
    const info = await overOnlyCopy(path, expect, (expected) => truth.put(path, bytes, expected, named))
    if (info.superseded === true) await copyCurrent(path)
    else await copy(path, bytes)
    return info
  }

  async function removeNamed(path: string, expect: BlobExpectation, named: NamedWrite): Promise<boolean> {
    const existed = await overOnlyCopy(path, expect, (expected) => truth.delete(path, expected, named))
    await copyCurrent(path)
    return existed
  }

  /** Of a blob that is only in the secondary the primary knows nothing yet: unless it knows the change, it gets the blob first. */
  async function overOnlyCopy<T>(
    path: string,
    expect: BlobExpectation,
    change: (expect: BlobExpectation) => Promise<T>,
  ): Promise<T> {
    const attempt = (expected: BlobExpectation) => decide(path, () => change(expected))
    const isCreation = expect?.kind === 'absent'
    try {
      return await attempt(isCreation && (await find(path)).only ? NO_VERSION : expect)
    } catch (error) {
      const isUnknown =
        hasErrorCode(error, 'PRECONDITION_FAILED') &&
        error.details['currentEtag'] === null &&
        error.details['reason'] !== 'forgotten'
      if (!isUnknown || (await ensureInPrimary(path)) === undefined) throw error
      return attempt(expect)
    }
  }

  /** What the primary has now, or nothing when it has nothing. */
  async function copyCurrent(path: string): Promise<void> {
    const current = await truth.get(path)
    if (current !== undefined) return copy(path, current.bytes)
    try {
      await copies.delete(path)
      backlog.remove([path])
    } catch (error) {
      backlog.add([path], error)
    }
  }

  /** The copy goes first: it could still be read during an outage if it outlived the blob. */
  async function remove(path: string, expect: BlobExpectation): Promise<boolean> {
    const current = await ensureInPrimary(path)
    checkBlobExpectation(path, current?.etag, expect)
    // Also one that the primary has not got any more.
    await copies.delete(path)
    if (current === undefined) return false
    try {
      return await decide(path, () => truth.delete(path, expect))
    } catch (error) {
      // Somebody has changed or deleted it, maybe an earlier request of ours that arrived late.
      if (hasErrorCode(error, 'PRECONDITION_FAILED'))
        await catchUp(path).catch((failure: unknown) => backlog.add([path], failure))
      // When it may be deleted, the next read makes the copy again, should it still be there.
      else if (!hasErrorCode(error, 'OUTCOME_PENDING')) await copy(path, current.bytes)
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
    put: (path, bytes, expect, named) =>
      inTurn(path, () => (named ? putNamed(path, bytes, expect, named) : put(path, bytes, expect))),
    delete: (path, expect, named) =>
      inTurn(path, () => (named ? removeNamed(path, expect, named) : remove(path, expect))),
    newest: async (path) => truth.newest?.(path),
    async get(path) {
      const { blob, only } = await find(path)
      const isBehind = blob !== undefined && !only && !(await copies.has(path, blob.etag))
      if (isBehind || backlog.has(path)) await inTurn(path, () => catchUp(path))
      return blob
    },
  }
}
