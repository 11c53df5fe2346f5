import {
  contentTypeOf,
  hasErrorCode,
  revisionKey,
  UmbraError,
  uniqueRevisionKey,
  withRetry,
} from '@umbra/core'
import type { PutMutation, UploadedRevision } from '@umbra/core'
import { decodeRevisionLabel, encodeRevisionLabel } from '../objects/revision-label.ts'
import { MULTIPART_THRESHOLD_BYTES } from '../objects/r2-object-store.ts'
import type { ManifestContext } from './manifest-context.ts'

export interface RevisionUpload {
  readonly mutation: PutMutation
  readonly rev: number
  /** Fresh for every upload. */
  readonly nonce: string
  /** The body was stored before, under a key that may be deleted at any time. */
  readonly again?: true
  /** An earlier attempt may have stored the body with this nonce, and a collector may have deleted it since. */
  readonly repeat?: true
}

/** Times the bodies of one operation are stored: others may take the revision meanwhile, but not for ever. */
export const MAX_UPLOAD_ROUNDS = 10

type Stored = Pick<UploadedRevision, 'etag' | 'uploadedAt'>

/**
 * Stores the body of a revision under a key that nothing ever had or will have, create-only. A deletion may reach the
 * store late or twice, so a key that could be used again would lose its second owner's body. The object's metadata say
 * which revision it is, so that a lost manifest can be rebuilt from the objects alone.
 */
export async function uploadRevision(
  upload: RevisionUpload,
  context: ManifestContext,
): Promise<UploadedRevision> {
  const { rev } = upload
  const keys = keysOf(upload)
  if (upload.repeat === true) {
    for (const key of keys) {
      const stored = await findOwn(key, upload.nonce, context)
      if (stored !== undefined) return { key, rev, ...stored }
    }
    const { repeat: _, ...once } = upload
    return uploadRevision({ ...once, nonce: context.ids.next(context.clock.now()), again: true }, context)
  }
  for (const key of keys) {
    const created = await createObject(key, upload, context)
    if (created !== undefined) return { key, rev, ...created }
  }
  throw new UmbraError('INTERNAL', `a fresh key is taken; the id source repeats itself. key=${keys.at(-1)}`)
}

function keysOf({ mutation, rev, nonce, again }: RevisionUpload): readonly string[] {
  const { size } = mutation.body
  // A body sent in parts cannot be created atomically, so its key must be one that nobody else can name.
  const plain = mutation.freshId === true && again !== true && size <= MULTIPART_THRESHOLD_BYTES
  const unique = uniqueRevisionKey(mutation.draft, rev, nonce)
  return plain ? [revisionKey(mutation.draft, rev, nonce), unique] : [unique]
}

/** Undefined when somebody else's object has the key. */
async function createObject(
  key: string,
  { mutation, rev, nonce }: RevisionUpload,
  context: ManifestContext,
): Promise<Stored | undefined> {
  const { draft, body } = mutation
  const uploadedAt = new Date(context.clock.now()).toISOString()
  const label = { id: draft.id, rev, sha256: body.sha256, op: nonce, at: draft.timestamp }
  const metadata = encodeRevisionLabel(label)
  const options = { ifNoneMatch: '*', contentType: contentTypeOf(draft), metadata } as const
  try {
    const { etag } = await withRetry(() => context.objects.put(key, body, options), context.retry)
    return { etag, uploadedAt }
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    // A repeat of a request whose answer was lost finds its own object.
    return findOwn(key, nonce, context)
  }
}

/** An object of this nonce, which may be older than this attempt. */
async function findOwn(key: string, nonce: string, context: ManifestContext): Promise<Stored | undefined> {
  const found = await withRetry(() => context.objects.head(key), context.retry)
  if (found === undefined || decodeRevisionLabel(found.metadata)?.op !== nonce) return undefined
  return { etag: found.etag, uploadedAt: found.lastModified.toISOString() }
}
