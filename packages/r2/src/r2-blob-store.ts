import { createHash } from 'node:crypto'
import {
  blobChanged,
  checkBlobExpectation,
  hasErrorCode,
  isUmbraError,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type { BlobInfo, BlobStore, StoredBlob } from '@umbra/core'
import { historyAfter, historyOf, NEVER_WRITTEN, wasApplied } from './blob-history.ts'
import type { BlobHistory } from './blob-history.ts'
import type { ManifestContext } from './manifest/manifest-context.ts'

/** A deleted blob: S3 cannot delete conditionally, so it is replaced by nothing instead. No JSON text is empty. */
const TOMBSTONE = new Uint8Array()

/** Tries of a write without a condition to get in between other writers. */
const MAX_TRIES = 100

interface BlobVersion {
  /** Undefined when there is no object at all. */
  readonly etag: string | undefined
  /** False for a tombstone. */
  readonly exists: boolean
  readonly history: BlobHistory
}

/** One write of one blob, however often it is tried. */
interface BlobChange {
  readonly path: string
  readonly bytes: Uint8Array
  readonly id: string
}

/**
 * Blobs as objects. Every write replaces exactly the version it has seen, also one that was asked for without a condition:
 * a request that is delayed on its way can then never undo a later write.
 */
export function createR2BlobStore(
  context: Pick<ManifestContext, 'objects' | 'retry' | 'ids' | 'clock'>,
): BlobStore {
  const { objects, retry } = context
  const freshId = () => context.ids.next(context.clock.now())

  return {
    async put(path, bytes, expect, opId) {
      const change = { path, bytes, id: opId ?? freshId() }
      return overCurrent(path, expect === undefined, async (current) => {
        if (opId !== undefined && wasApplied(opId, current.history))
          return appliedBefore(change, current.history)
        checkBlobExpectation(path, current.exists ? current.etag : undefined, expect)
        return replace(change, current)
      })
    },
    get: (path) => withRetry(() => read(path), retry),
    async delete(path, expect, opId) {
      const change = { path, bytes: TOMBSTONE, id: opId ?? freshId() }
      return overCurrent(path, expect === undefined, async (current) => {
        if (opId !== undefined && wasApplied(opId, current.history)) return true
        checkBlobExpectation(path, current.exists ? current.etag : undefined, expect)
        // A repeat must find its name, also when there was nothing to delete.
        if (current.exists || opId !== undefined) await replace(change, current)
        return current.exists
      })
    },
  }

  async function read(path: string): Promise<StoredBlob | undefined> {
    const found = await objects.get(path)
    if (found?.kind !== 'found') return undefined
    const bytes = await found.bytes()
    return bytes.byteLength === 0 ? undefined : { bytes, etag: found.etag, size: bytes.byteLength }
  }

  async function look(path: string): Promise<BlobVersion> {
    const found = await withRetry(() => objects.head(path), retry)
    if (found === undefined) return { etag: undefined, exists: false, history: NEVER_WRITTEN }
    return { etag: found.etag, exists: found.size > 0, history: historyOf(found) }
  }

  async function overCurrent<T>(
    path: string,
    repeat: boolean,
    write: (current: BlobVersion) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const current = await look(path)
      try {
        return await write(current)
      } catch (error) {
        if (!repeat || tries >= MAX_TRIES || !hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT'))
          throw error
      }
    }
  }

  async function replace(change: BlobChange, current: BlobVersion): Promise<BlobInfo> {
    const { path, bytes, id } = change
    const condition = current.etag === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: current.etag }
    const metadata = historyAfter(id, current.history)
    const options = { ...condition, contentType: 'application/json', metadata }
    const attempts = { ambiguous: false }
    try {
      const { etag } = await withRetry(() => noting(attempts, objects.put(path, bytes, options)), retry)
      return { etag, size: bytes.byteLength }
    } catch (error) {
      if (!attempts.ambiguous && !hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT')) throw error
      const now = await look(path).catch(() => undefined)
      if (now?.history.includes(id) === true) return appliedBefore(change, now.history)
      const [newest] = current.history
      if (!attempts.ambiguous && now !== undefined && now.history[0] === newest) throw crowded(path, error)
      // What is there now replaced the very version this write was for, so this write never can.
      if (!attempts.ambiguous || now?.history[1] === newest) {
        throw blobChanged(path, now?.exists === true ? now.etag : undefined)
      }
      throw outcomePending(path, error)
    }
  }
}

/** What a write resolves to that is in place, or was. */
function appliedBefore({ bytes, id }: BlobChange, [newest]: BlobHistory): BlobInfo {
  const etag = createHash('md5').update(bytes).digest('hex')
  return { etag, size: bytes.byteLength, ...(newest !== id && { superseded: true }) }
}

/** Remembers when a failed request may have been applied all the same. */
async function noting<T>(attempts: { ambiguous: boolean }, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    attempts.ambiguous ||= !isUmbraError(error) || error.details['outcome'] !== 'not-applied'
    throw error
  }
}

function crowded(path: string, cause: unknown): UmbraError {
  return new UmbraError(
    'CONFLICT',
    `the store refused the blob among other writers, none of whom changed it; try again. key=${path}`,
    { cause, details: { key: path, outcome: 'not-applied' } },
  )
}

function outcomePending(path: string, cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    `the store did not say whether the blob was written; read it before you repeat. key=${path}`,
    { cause, details: { key: path } },
  )
}
