import { createHash } from 'node:crypto'
import { blobChanged, hasErrorCode, isUmbraError, UmbraError, withRetry } from '@umbra/core'
import type { BlobExpectation, BlobInfo, BlobStore, StoredBlob } from '@umbra/core'
import type { ObjectStore, PutOptions } from './objects/object-store.ts'
import type { ManifestContext } from './manifest/manifest-context.ts'

/** A deleted blob that had a condition: S3 cannot delete conditionally, so it is replaced by nothing instead. */
const TOMBSTONE = new Uint8Array()

/**
 * Blobs as objects, replaced in place with `If-Match`. A conditional deletion leaves an empty object behind, because
 * `DeleteObject` ignores conditions on R2; an empty object reads as absent everywhere here.
 */
export function createR2BlobStore(context: ManifestContext): BlobStore {
  const { objects, retry } = context

  return {
    async put(path, bytes, expect) {
      const condition = await withRetry(() => conditionFor(objects, path, expect), retry)
      let ambiguous = false
      try {
        const { etag } = await withRetry(async () => {
          try {
            return await objects.put(path, bytes, { ...condition, contentType: 'application/json' })
          } catch (error) {
            ambiguous ||= !isUmbraError(error) || error.details['outcome'] !== 'not-applied'
            throw error
          }
        }, retry)
        return { etag, size: bytes.byteLength }
      } catch (error) {
        return settle(path, bytes, { error, ambiguous })
      }
    },
    get: (path) => withRetry(() => readBlob(objects, path), retry),
    async delete(path, expect) {
      const current = await withRetry(() => readBlob(objects, path), retry)
      if (expect === undefined) {
        if (current !== undefined) await withRetry(() => objects.delete(path), retry)
        return current !== undefined
      }
      await this.put(path, TOMBSTONE, expect)
      return true
    },
  }

  /** After a failure: the blob may hold what was sent, because an answer was lost, or what somebody else sent. */
  async function settle(path: string, bytes: Uint8Array, failure: PutFailure): Promise<BlobInfo> {
    if (failure.ambiguous) {
      const current = await withRetry(() => readBlob(objects, path), retry)
      const etag = createHash('md5').update(bytes).digest('hex')
      if (current?.etag === etag) return { etag, size: bytes.byteLength }
      throw new UmbraError(
        'OUTCOME_PENDING',
        `the store did not say whether the blob was written; read it before you repeat. key=${path}`,
        {
          cause: failure.error,
          details: { key: path },
        },
      )
    }
    if (!hasErrorCode(failure.error, 'PRECONDITION_FAILED', 'CONFLICT', 'NOT_FOUND')) throw failure.error
    throw blobChanged(path, (await withRetry(() => readBlob(objects, path), retry))?.etag)
  }
}

interface PutFailure {
  readonly error: unknown
  readonly ambiguous: boolean
}

/** Creating over a tombstone is replacing the tombstone. */
async function conditionFor(
  objects: ObjectStore,
  path: string,
  expect: BlobExpectation,
): Promise<Pick<PutOptions, 'ifMatch' | 'ifNoneMatch'>> {
  if (expect === undefined) return {}
  if (expect.kind === 'etag') return { ifMatch: expect.etag }
  const found = await objects.head(path)
  return found?.size === 0 ? { ifMatch: found.etag } : { ifNoneMatch: '*' }
}

async function readBlob(objects: ObjectStore, path: string): Promise<StoredBlob | undefined> {
  const found = await objects.get(path)
  if (found?.kind !== 'found') return undefined
  const bytes = await found.bytes()
  return bytes.byteLength === 0 ? undefined : { bytes, etag: found.etag, size: bytes.byteLength }
}
