import {
  blobChanged,
  blobEtag,
  checkBlobExpectation,
  checkMayApply,
  hasErrorCode,
  isUmbraError,
  NEVER_WRITTEN,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type { BlobExpectation, BlobInfo, BlobStore, NamedWrite, StoredBlob } from '@umbra/core'
import { fateOf, historyAfter, historyOf } from './blob-history.ts'
import type { BlobHistory } from './blob-history.ts'
import type { ManifestContext } from './manifest/manifest-context.ts'

/** A deleted blob: S3 cannot delete conditionally, so it is replaced by nothing instead. No JSON text is empty. */
const TOMBSTONE = new Uint8Array()

/** Tries of a write without a condition to get in between other writers. */
const MAX_TRIES = 100

/** Tries of a write that the store refuses though nobody changed the blob, and milliseconds between them. */
const MAX_CROWDED_TRIES = 10
const CROWDED_PAUSE_MS = 100

interface BlobVersion {
  /** Undefined when there is no object at all. */
  readonly etag: string | undefined
  /** False for a tombstone. */
  readonly exists: boolean
  readonly history: BlobHistory
}

/** One write, under the same name however often it is tried. */
interface BlobChange {
  readonly path: string
  readonly bytes: Uint8Array
  readonly expect: BlobExpectation
  readonly named: NamedWrite
}

interface Attempts {
  /** How one failed that may have been applied all the same. */
  inDoubt: unknown
}

interface Applied extends BlobInfo {
  /** Whether there was a blob before. */
  readonly existed: boolean
}

/**
 * Blobs as objects. Every write replaces exactly the version it has seen, also one that was asked for without a condition: a
 * request that is delayed on its way cannot undo a later write, unless that brought the very same bytes back.
 */
export function createR2BlobStore(
  context: Pick<ManifestContext, 'objects' | 'retry' | 'ids' | 'clock'>,
): BlobStore {
  const { objects } = context
  const shouldRetry = (error: unknown) => isUmbraError(error) && error.retryable && !isSuperseded(error)
  const retry = { ...context.retry, shouldRetry }
  const anonymous = (): NamedWrite => ({ opId: context.ids.next(context.clock.now()), since: undefined })

  return {
    async put(path, bytes, expect, named = anonymous()) {
      const { existed: _existed, ...info } = await apply({ path, bytes, expect, named })
      return info
    },
    get: (path) => withRetry(() => read(path), retry),
    async delete(path, expect, named) {
      const change = { path, bytes: TOMBSTONE, expect, named: named ?? anonymous() }
      return (await apply(change, named === undefined)).existed
    },
    newest: async (path) => (await look(path)).history[0],
  }

  async function read(path: string): Promise<StoredBlob | undefined> {
    const found = await objects.get(path)
    if (found?.kind !== 'found') return undefined
    const bytes = await found.bytes()
    return bytes.byteLength === 0 ? undefined : { bytes, etag: found.etag, size: bytes.byteLength }
  }

  async function look(path: string): Promise<BlobVersion> {
    const found = await withRetry(() => objects.head(path), retry)
    if (found === undefined) return { etag: undefined, exists: false, history: [NEVER_WRITTEN] }
    return { etag: found.etag, exists: found.size > 0, history: historyOf(found) }
  }

  /** `mayDoNothing`: when there is nothing to delete. A repeat must find its name all the same. */
  async function apply(change: BlobChange, mayDoNothing = false): Promise<Applied> {
    const { path, expect, named } = change
    let outrun = 0
    let crowded = 0
    for (;;) {
      const current = await look(path)
      const currentEtag = current.exists ? current.etag : undefined
      const fate = fateOf(named, current.history)
      if (fate === 'applied') return appliedBefore(change, current.history)
      if (fate === 'forgotten') {
        if (expect !== undefined) throw forgotten(path, currentEtag)
        // It may have been applied right after the version it was first tried over; all that came since came after that.
        return appliedBefore(change, current.history)
      }
      checkBlobExpectation(path, currentEtag, expect)
      if (mayDoNothing && !current.exists) return { etag: '', size: 0, existed: false }
      try {
        return { ...(await replace(change, current)), existed: current.exists }
      } catch (error) {
        const isCrowded = hasErrorCode(error, 'CONFLICT') && !isSuperseded(error)
        const isOutrun = expect === undefined && hasErrorCode(error, 'PRECONDITION_FAILED')
        if (isCrowded) crowded++
        if (isOutrun) outrun++
        if (!isCrowded && !isOutrun) throw error
        if (crowded === MAX_CROWDED_TRIES || outrun === MAX_TRIES) throw error
        if (isCrowded) await context.clock.sleep(CROWDED_PAUSE_MS)
      }
    }
  }

  async function replace(change: BlobChange, current: BlobVersion): Promise<BlobInfo> {
    const { path, bytes, named } = change
    const condition = current.etag === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: current.etag }
    const metadata = historyAfter(named.opId, current.history)
    const options = { ...condition, contentType: 'application/json', metadata }
    const [newest = ''] = current.history
    const attempts: Attempts = { inDoubt: undefined }
    try {
      const { etag } = await withRetry(async () => {
        checkMayApply(path, named, newest)
        return noting(attempts, objects.put(path, bytes, options))
      }, retry)
      return { etag, size: bytes.byteLength }
    } catch (error) {
      const isRefusal = hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT') && !isSuperseded(error)
      const { inDoubt } = attempts
      if (inDoubt === undefined && !isRefusal) throw error
      const now = await look(path).catch(() => undefined)
      if (now === undefined) throw outcomePending(path, inDoubt ?? error)
      if (now.history.includes(named.opId)) return appliedBefore(change, now.history)
      const isReplaced = now.history.includes(newest, 1) && now.etag !== current.etag
      // What is there now replaced the very version this write was for, so this write never can.
      if (isReplaced || (inDoubt === undefined && now.history[0] !== newest))
        throw blobChanged(path, now.exists ? now.etag : undefined)
      throw inDoubt === undefined ? crowdedOut(path, error) : outcomePending(path, inDoubt)
    }
  }
}

/** What a write resolves to that was applied, or overtaken. */
function appliedBefore({ bytes, named }: BlobChange, [newest]: BlobHistory): Applied {
  const etag = blobEtag(bytes)
  const isCurrent = newest === named.opId
  return { etag, size: bytes.byteLength, existed: true, ...(!isCurrent && { superseded: true }) }
}

/** Remembers when a failed request may have been applied all the same. */
async function noting<T>(attempts: Attempts, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!isUmbraError(error) || error.details['outcome'] !== 'not-applied') attempts.inDoubt = error
    throw error
  }
}

function forgotten(path: string, currentEtag: string | undefined): UmbraError {
  return new UmbraError(
    'PRECONDITION_FAILED',
    `so many others have written that it is not known whether this write was one of them; read the blob and decide again. key=${path}`,
    { details: { key: path, currentEtag: currentEtag ?? null, reason: 'forgotten' } },
  )
}

function isSuperseded(error: unknown): boolean {
  return isUmbraError(error) && error.details['reason'] === 'writer-superseded'
}

function crowdedOut(path: string, cause: unknown): UmbraError {
  return new UmbraError(
    'CONFLICT',
    `the store refused the blob among other writers, none of whom changed it; read it before you try again. key=${path}`,
    { cause, details: { key: path } },
  )
}

function outcomePending(path: string, cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    `the store did not say whether the blob was written; read it before you repeat. key=${path}`,
    { cause, details: { key: path } },
  )
}
