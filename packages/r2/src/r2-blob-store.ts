import { createHash } from 'node:crypto'
import { blobChanged, hasErrorCode, isUmbraError, UmbraError, withRetry } from '@umbra/core'
import type { BlobExpectation, BlobInfo, BlobStore, StoredBlob } from '@umbra/core'
import type { ManifestContext } from './manifest/manifest-context.ts'
import type { PutOptions } from './objects/object-store.ts'

/** A deleted blob: S3 cannot delete conditionally, so it is replaced by nothing instead. No JSON text is empty. */
const TOMBSTONE = new Uint8Array()

/** Tries of a write without a condition to get in between other writers. */
const MAX_TRIES = 100

type Condition = Pick<PutOptions, 'ifMatch' | 'ifNoneMatch'>

/**
 * Blobs as objects. Every write replaces exactly the version it has seen, also one that was asked for without a condition:
 * a request that is delayed on its way can then never undo a later write.
 */
export function createR2BlobStore(context: ManifestContext): BlobStore {
  const { objects, retry } = context

  return {
    async put(path, bytes, expect) {
      if (expect !== undefined) return replace(path, bytes, await conditionFor(path, expect))
      return overAnything(path, async (current) => replace(path, bytes, current.condition))
    },
    get: (path) => withRetry(() => read(path), retry),
    async delete(path, expect) {
      if (expect !== undefined) {
        await replace(path, TOMBSTONE, await conditionFor(path, expect))
        return true
      }
      return overAnything(path, async ({ exists, condition }) => {
        if (exists) await replace(path, TOMBSTONE, condition)
        return exists
      })
    },
  }

  async function read(path: string): Promise<StoredBlob | undefined> {
    const found = await objects.get(path)
    if (found?.kind !== 'found') return undefined
    const bytes = await found.bytes()
    return bytes.byteLength === 0 ? undefined : { bytes, etag: found.etag, size: bytes.byteLength }
  }

  /** What is there now, a tombstone counting as nothing, and the condition that replaces exactly it. */
  async function look(
    path: string,
  ): Promise<{ etag: string | undefined; exists: boolean; condition: Condition }> {
    const found = await withRetry(() => objects.head(path), retry)
    return {
      etag: found?.etag,
      exists: found !== undefined && found.size > 0,
      condition: found === undefined ? { ifNoneMatch: '*' } : { ifMatch: found.etag },
    }
  }

  async function conditionFor(path: string, expect: NonNullable<BlobExpectation>): Promise<Condition> {
    if (expect.kind === 'etag') return { ifMatch: expect.etag }
    const { exists, condition } = await look(path)
    return exists ? { ifNoneMatch: '*' } : condition
  }

  async function overAnything<T>(
    path: string,
    write: (current: Awaited<ReturnType<typeof look>>) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await write(await look(path))
      } catch (error) {
        if (!hasErrorCode(error, 'PRECONDITION_FAILED') || tries >= MAX_TRIES) throw error
      }
    }
  }

  async function replace(path: string, bytes: Uint8Array, condition: Condition): Promise<BlobInfo> {
    const attempts = { ambiguous: false }
    try {
      const options = { ...condition, contentType: 'application/json' }
      const { etag } = await withRetry(() => noting(attempts, objects.put(path, bytes, options)), retry)
      return { etag, size: bytes.byteLength }
    } catch (error) {
      if (attempts.ambiguous) return settle(path, bytes, error)
      if (!hasErrorCode(error, 'PRECONDITION_FAILED', 'CONFLICT', 'NOT_FOUND')) throw error
      const { exists, etag } = await look(path)
      throw blobChanged(path, exists ? etag : undefined)
    }
  }

  /** An answer was lost: the write happened if the blob is now what was sent; anything else proves nothing. */
  async function settle(path: string, bytes: Uint8Array, cause: unknown): Promise<BlobInfo> {
    const etag = createHash('md5').update(bytes).digest('hex')
    const current = await look(path).catch(() => undefined)
    if (current?.etag === etag) return { etag, size: bytes.byteLength }
    throw new UmbraError(
      'OUTCOME_PENDING',
      `the store did not say whether the blob was written; read it before you repeat. key=${path}`,
      { cause, details: { key: path } },
    )
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
