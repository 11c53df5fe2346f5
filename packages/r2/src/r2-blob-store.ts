import {
  blobChanged,
  checkBlobExpectation,
  hasErrorCode,
  isUmbraError,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type { BlobInfo, BlobStore, StoredBlob } from '@umbra/core'
import type { ManifestContext } from './manifest/manifest-context.ts'

/** A deleted blob: S3 cannot delete conditionally, so it is replaced by nothing instead. No JSON text is empty. */
const TOMBSTONE = new Uint8Array()

/** Tries of a write without a condition to get in between other writers. */
const MAX_TRIES = 100

/** One version of a blob. Each names the one it replaced, so a lost answer can be settled by looking. */
interface BlobVersion {
  /** Undefined when there is no object at all. */
  readonly etag: string | undefined
  /** False for a tombstone. */
  readonly exists: boolean
  /** Unique per version, unlike the etag, which comes back with the content. */
  readonly id: string
  /** The id of the version it replaced. */
  readonly replaced: string | undefined
}

/**
 * Blobs as objects. Every write replaces exactly the version it has seen, also one that was asked for without a condition:
 * a request that is delayed on its way can then never undo a later write.
 */
export function createR2BlobStore(
  context: Pick<ManifestContext, 'objects' | 'retry' | 'ids' | 'clock'>,
): BlobStore {
  const { objects, retry } = context

  return {
    async put(path, bytes, expect) {
      return overCurrent(path, expect === undefined, (current) => {
        checkBlobExpectation(path, current.exists ? current.etag : undefined, expect)
        return replace(path, bytes, current)
      })
    },
    get: (path) => withRetry(() => read(path), retry),
    async delete(path, expect) {
      return overCurrent(path, expect === undefined, async (current) => {
        checkBlobExpectation(path, current.exists ? current.etag : undefined, expect)
        if (current.exists) await replace(path, TOMBSTONE, current)
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
    if (found === undefined) return { etag: undefined, exists: false, id: 'none', replaced: undefined }
    const { id = `foreign-${found.etag}`, replaced } = found.metadata
    return { etag: found.etag, exists: found.size > 0, id, replaced }
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
        if (!repeat || tries >= MAX_TRIES || !hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
      }
    }
  }

  async function replace(path: string, bytes: Uint8Array, current: BlobVersion): Promise<BlobInfo> {
    const id = context.ids.next(context.clock.now())
    const condition = current.etag === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: current.etag }
    const options = { ...condition, contentType: 'application/json', metadata: { id, replaced: current.id } }
    const attempts = { ambiguous: false }
    try {
      const { etag } = await withRetry(() => noting(attempts, objects.put(path, bytes, options)), retry)
      return { etag, size: bytes.byteLength }
    } catch (error) {
      if (!attempts.ambiguous && !hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT')) throw error
      const now = await look(path).catch(() => undefined)
      if (now?.id === id && now.etag !== undefined) return { etag: now.etag, size: bytes.byteLength }
      // What is there now replaced the very version this write was for, so this write never can.
      if (!attempts.ambiguous || now?.replaced === current.id) {
        throw blobChanged(path, now?.exists === true ? now.etag : undefined)
      }
      throw outcomePending(path, error)
    }
  }
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

function outcomePending(path: string, cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    `the store did not say whether the blob was written; read it before you repeat. key=${path}`,
    { cause, details: { key: path } },
  )
}
