import { checkBlobExpectation, hasErrorCode, UmbraError } from '@umbra/core'
import type { BlobExpectation, BlobStore, NamedWrite, StoredBlob } from '@umbra/core'
import { createBlobCopies } from './blob-copies.ts'
import type { CopyUnderWay } from './blob-copies.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createKeyedQueue } from './keyed-queue.ts'

/** A blob that others keep changing while it is copied is given up after this many tries. */
const MAX_COPY_TRIES = 5

/** What no version has: only a write that was applied before resolves with it. */
const NO_VERSION: BlobExpectation = { kind: 'etag', etag: '-' }

/**
 * Blobs in both: the primary decides, then the copy follows, at the latest when the blob is next read. One change of a path
 * at a time in this process. Reads reject while the primary cannot be reached, and may make a copy that was begun.
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

  async function removeCopy(path: string, etag: string): Promise<void> {
    await copies.remove(path, etag).catch((failure: unknown) => backlog.add([path], failure))
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
  async function ensureInPrimary(
    path: string,
    mayApply: NonNullable<NamedWrite['mayApply']> = () => true,
  ): Promise<StoredBlob | undefined> {
    for (let tries = 1; ; tries++) {
      const first = await find(path)
      if (!first.only) return first.blob
      const newest = (await truth.newest?.(path)) ?? ''
      // Again: what was deleted before that version, and its copy with it, is found no more.
      const { blob, only } = await find(path)
      if (blob === undefined || !only) return blob
      const underWay = await copies.begin(path, blob.etag, newest)
      if (underWay !== undefined) return copyToPrimary(path, blob, { underWay, newest, mayApply })
      if (tries === MAX_COPY_TRIES)
        throw new UmbraError('CONFLICT', `others keep changing the blob. key=${path}`)
    }
  }

  /** The copy is made over nothing but the version that was there when the blob was found missing, and not again after a lost answer. */
  async function copyToPrimary(
    path: string,
    blob: StoredBlob,
    copy: {
      readonly underWay: CopyUnderWay
      readonly newest: string
      readonly mayApply: NonNullable<NamedWrite['mayApply']>
    },
  ): Promise<StoredBlob | undefined> {
    const { name, since } = copy.underWay
    let isOutdated = false
    const named: NamedWrite = {
      opId: name,
      since,
      mayApply(newest) {
        isOutdated = truth.newest !== undefined && newest !== copy.newest
        return !isOutdated && copy.mayApply(newest)
      },
    }
    try {
      const { superseded } = await truth.put(path, blob.bytes, { kind: 'absent' }, named)
      await noteCopied(path, blob.etag, name)
      return superseded === true ? await truth.get(path) : blob
    } catch (error) {
      if (!isOutdated && !hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      const current = await truth.get(path)
      if (current?.etag === blob.etag) await noteCopied(path, blob.etag, name)
      return current
    }
  }

  /** What cannot be noted is still under way, and settled when the blob is next read or written. */
  async function noteCopied(path: string, etag: string, name: string): Promise<void> {
    try {
      await copies.noteInPrimary(path, etag, name)
    } catch (error) {
      backlog.add([path], error)
    }
  }

  /** For a read, to which it is all the same why the primary could not say what became of a copy. */
  async function settle(path: string): Promise<StoredBlob | undefined> {
    try {
      return await ensureInPrimary(path)
    } catch (cause) {
      throw new UmbraError('UNAVAILABLE', `it is not known yet what became of the blob in r2. key=${path}`, {
        cause,
      })
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
    const info = await overOnlyCopy(path, expect, {
      named,
      mayPassBy: expect?.kind === 'absent',
      change: (expected) => truth.put(path, bytes, expected, named),
    })
    if (info.superseded === true) await copyCurrent(path)
    else await copy(path, bytes)
    return info
  }

  async function removeNamed(path: string, expect: BlobExpectation, named: NamedWrite): Promise<boolean> {
    const existed = await overOnlyCopy(path, expect, {
      named,
      mayPassBy: expect?.kind !== 'etag',
      change: (expected) => truth.delete(path, expected, named),
    })
    await copyCurrent(path)
    return existed
  }

  /** Of a blob that is only in the secondary the primary knows nothing yet: unless it knows the change, it gets the blob first. */
  async function overOnlyCopy<T>(
    path: string,
    expect: BlobExpectation,
    about: {
      readonly named: NamedWrite
      /** The primary would make the change without having had the blob. */
      readonly mayPassBy: boolean
      readonly change: (expect: BlobExpectation) => Promise<T>
    },
  ): Promise<T> {
    const { named, mayPassBy } = about
    const attempt = (expected: BlobExpectation) => decide(path, () => about.change(expected))
    try {
      return await attempt(mayPassBy && (await find(path)).only ? NO_VERSION : expect)
    } catch (error) {
      if (!hasErrorCode(error, 'PRECONDITION_FAILED') || error.details['currentEtag'] !== null) throw error
      const isForgotten = error.details['reason'] === 'forgotten'
      if (isForgotten && expect !== undefined) throw error
      const current = isForgotten ? undefined : await ensureInPrimary(path, named.mayApply)
      if (current === undefined && !mayPassBy) throw error
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
      const existed = await decide(path, () => truth.delete(path, expect))
      // A migration that still saw it there may have made a copy anew.
      await removeCopy(path, current.etag)
      return existed
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
    if (current === undefined) return backlog.remove([path])
    await copy(path, current.bytes)
    // Another process may have deleted it meanwhile, and have found no copy to delete yet.
    if ((await truth.get(path)) === undefined) await removeCopy(path, current.etag)
  }

  return {
    put: (path, bytes, expect, named) =>
      inTurn(path, () => (named ? putNamed(path, bytes, expect, named) : put(path, bytes, expect))),
    delete: (path, expect, named) =>
      inTurn(path, () => (named ? removeNamed(path, expect, named) : remove(path, expect))),
    newest: async (path) => truth.newest?.(path),
    async get(path) {
      const { blob, only } = await find(path)
      // Its copy may have been made, and deleted since.
      if (only && blob !== undefined && (await copies.isUnderWay(path, blob.etag)))
        return inTurn(path, () => settle(path))
      const isBehind = blob !== undefined && !only && !(await copies.has(path, blob.etag))
      if (isBehind || backlog.has(path)) await inTurn(path, () => catchUp(path))
      return blob
    },
  }
}
