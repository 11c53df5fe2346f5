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
  /** Fresh for every upload. */
  readonly nonce: string
  /** The body was stored before, under a key that may be deleted at any time. */
  readonly again?: true
}

/**
 * Stores the body of a revision under a key that nothing ever had or will have, create-only. A deletion may reach the
 * store late or twice, so a key that could be used again would lose its second owner's body. The object's metadata say
 * which revision it is, so that a lost manifest can be rebuilt from the objects alone.
 */
export async function uploadRevision(
  upload: RevisionUpload,
  context: ManifestContext,
): Promise<UploadedRevision> {
  const { mutation, rev, nonce } = upload
  const uploadedAt = new Date(context.clock.now()).toISOString()
  const { size } = mutation.body
  // A body sent in parts cannot be created atomically, so its key must be one that nobody else can name.
  const plain = mutation.freshId === true && upload.again !== true && size <= MULTIPART_THRESHOLD_BYTES
  const etag = plain
    ? await createObject(revisionKey(mutation.draft, rev, nonce), upload, context)
    : undefined
  if (etag !== undefined) return { key: revisionKey(mutation.draft, rev, nonce), etag, rev, uploadedAt }
  const key = uniqueRevisionKey(mutation.draft, rev, nonce)
  const ownEtag = await createObject(key, upload, context)
  if (ownEtag === undefined)
    throw new UmbraError('INTERNAL', `a fresh key is taken; the id source repeats itself. key=${key}`)
  return { key, etag: ownEtag, rev, uploadedAt }
}

/** The object's ETag, or undefined when somebody else's object has the key. */
async function createObject(
  key: string,
  { mutation, rev, nonce }: RevisionUpload,
  context: ManifestContext,
): Promise<string | undefined> {
  const { draft, body } = mutation
  const metadata = { id: draft.id, rev: String(rev), sha256: body.sha256, op: nonce, at: draft.timestamp }
  const options = { ifNoneMatch: '*', contentType: contentTypeOf(draft), metadata } as const
  try {
    const { etag } = await withRetry(() => context.objects.put(key, body, options), context.retry)
    return etag
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    // A repeat of a request whose answer was lost finds its own object.
    const found = await withRetry(() => context.objects.head(key), context.retry)
    return found?.metadata['op'] === nonce ? found.etag : undefined
  }
}
