import { corruptManifest, headKey, parseHead, withRetry } from '@umbra/core'
import type { BaseVersion, Namespace } from '@umbra/core'
import { isAnchored, isOverwritten } from './anchor.ts'
import type { ManifestContext } from './manifest-context.ts'

/** Why an original manifest is refused where there was a newer one. */
export const OVERWRITTEN = 'the original system has written over it, or a backup was restored'

/** What a read of the head found: nothing, the version already known, or a newer one. */
export type HeadRead =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'version'; readonly version: BaseVersion }

/**
 * One conditional GET (repeated while the store does not answer), checked whole.
 *
 * @throws `CORRUPT` when the head is damaged, gone although there was one, or older than the known one: a lost or
 * restored head is reported, never believed.
 */
export async function readHeadVersion(
  namespace: Namespace,
  known: BaseVersion | undefined,
  context: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<HeadRead> {
  const fetch = () => withRetry(() => fetchHead(namespace, known, context), context.retry)
  let read = await fetch()
  if (read.kind === 'absent' && (known !== undefined || (await isAnchored(namespace, context)))) {
    // Once more: it may have been created, and anchored, since the first look.
    read = await fetch()
    if (read.kind === 'absent') throw corruptManifest(namespace, 'it is gone')
  }
  if (read.kind === 'version' && (await isOverwritten(namespace, read.version.head, context))) {
    // Once more: its first commit may have been made, and anchored, since.
    read = await fetch()
    if (read.kind === 'version' && read.version.head.header.epoch === '')
      throw corruptManifest(namespace, OVERWRITTEN)
  }
  if (known !== undefined && read.kind === 'version' && !isNewer(read.version, known)) {
    throw corruptManifest(namespace, 'it is older than one already seen: a backup was restored')
  }
  return read
}

async function fetchHead(
  namespace: Namespace,
  known: BaseVersion | undefined,
  context: Pick<ManifestContext, 'objects'>,
): Promise<HeadRead> {
  const answer = await context.objects.get(
    headKey(namespace),
    known === undefined ? {} : { ifNoneMatch: known.etag },
  )
  if (answer === undefined) return { kind: 'absent' }
  if (answer.kind === 'not-modified') return { kind: 'unchanged' }
  const head = parseHead(await answer.bytes(), namespace)
  return { kind: 'version', version: { head, etag: answer.etag } }
}

/** Whether a version came after another one of the same namespace. */
export function isNewer(version: BaseVersion, than: BaseVersion): boolean {
  const [a, b] = [version.head.header, than.head.header]
  // The original system's manifest has no epoch: its own rewrites cannot be ordered, and whatever follows it is newer.
  if (a.epoch === '' || b.epoch === '') return b.epoch === ''
  // A rebuilt manifest starts a new epoch; within one, versions are numbered.
  return a.epoch === b.epoch ? a.seq > b.seq : a.epoch > b.epoch
}
