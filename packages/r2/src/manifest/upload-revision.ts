import {
  contentTypeOf,
  hasErrorCode,
  revisionKey,
  UmbraError,
  uniqueRevisionKey,
  withRetry,
} from '@umbra/core'
import type { PutMutation, UploadedRevision } from '@umbra/core'
import { MULTIPART_THRESHOLD_BYTES } from '../objects/r2-object-store.ts'
import type { ManifestContext } from './manifest-context.ts'

export interface RevisionUpload {
  readonly mutation: PutMutation
  readonly rev: number
  readonly opId: string
}

/**
 * Stores the body of a revision under a key nobody else uses, create-only. The object's metadata say which revision it
 * is, so that a lost manifest can be rebuilt from the objects alone.
 */
export async function uploadRevision(
  upload: RevisionUpload,
  context: ManifestContext,
): Promise<UploadedRevision> {
  const { mutation, rev, opId } = upload
  // A body sent in parts cannot be created atomically, so its key must be one that nobody else can name.
  const key =
    mutation.body.size > MULTIPART_THRESHOLD_BYTES
      ? uniqueRevisionKey(mutation.draft, rev, opId)
      : revisionKey(mutation.draft, rev, opId)
  const etag = await createObject(key, upload, context)
  if (etag !== undefined) return { key, etag, rev }
  // The plain key of a first revision is taken: by a writer that crashed before its commit, or one that will win or
  // lose against us in the manifest. A revision of the same number under a key of its own settles it there.
  const ownKey = uniqueRevisionKey(mutation.draft, rev, opId)
  const ownEtag = await createObject(ownKey, upload, context)
  if (ownEtag === undefined)
    throw new UmbraError('INTERNAL', `a fresh key is taken; the id source repeats itself. key=${ownKey}`)
  return { key: ownKey, etag: ownEtag, rev }
}

/** The object's ETag, or undefined when somebody else's object has the key. */
async function createObject(
  key: string,
  upload: RevisionUpload,
  context: ManifestContext,
): Promise<string | undefined> {
  const { draft, body } = upload.mutation
  const metadata = { id: draft.id, rev: String(upload.rev), sha256: body.sha256, op: upload.opId }
  const options = { ifNoneMatch: '*', contentType: contentTypeOf(draft), metadata } as const
  try {
    const { etag } = await withRetry(() => context.objects.put(key, body, options), context.retry)
    return etag
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    // A repeat of a request whose answer was lost finds its own object.
    const found = await withRetry(() => context.objects.head(key), context.retry)
    return found?.metadata['op'] === upload.opId ? found.etag : undefined
  }
}
