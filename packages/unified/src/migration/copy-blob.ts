import { randomUUID } from 'node:crypto'
import { hasErrorCode } from '@umbra/core'
import type { BlobStore, NamedWrite, StoredBlob } from '@umbra/core'

export type BlobOutcome =
  | { readonly kind: 'copied'; readonly blob: StoredBlob }
  /** Deleted in the source since it was listed. */
  | { readonly kind: 'gone' }
  /** Written or deleted while it was copied, on either side: a later pass sees what became of it. */
  | { readonly kind: 'moved' }

export interface BlobSides {
  readonly source: BlobStore
  readonly target: BlobStore
}

/**
 * Copies a blob that the target has not. What is deleted in both while it is copied stays deleted.
 *
 * @throws what the stores throw.
 */
export async function copyBlob({ source, target }: BlobSides, path: string): Promise<BlobOutcome> {
  // Before the source is read: a deletion that comes after that leaves another version in the target.
  const newest = await target.newest?.(path)
  const blob = await source.get(path)
  if (blob === undefined) return { kind: 'gone' }
  const copy = await create(target, path, { bytes: blob.bytes, newest })
  if (copy === undefined) return { kind: 'moved' }
  // Nothing is left there of what was deleted.
  if (newest === undefined && !(await isStillThere({ source, target }, path, { blob, copy })))
    return { kind: 'moved' }
  return { kind: 'copied', blob }
}

/** Resolves to its etag, or to undefined when it was not made: over nothing but the version that was there before the source was read. */
async function create(
  target: BlobStore,
  path: string,
  { bytes, newest }: { readonly bytes: Uint8Array; readonly newest: string | undefined },
): Promise<string | undefined> {
  let isOutdated = false
  const named: NamedWrite | undefined =
    newest === undefined
      ? undefined
      : {
          opId: `migration-${randomUUID()}`,
          since: newest,
          mayApply(current) {
            isOutdated = current !== newest
            return !isOutdated
          },
        }
  try {
    return (await target.put(path, bytes, { kind: 'absent' }, named)).etag
  } catch (error) {
    if (!isOutdated && !hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    return undefined
  }
}

/** Whether the source still has the version that was copied; when it has not, or does not say, the copy is taken away again. */
async function isStillThere(
  { source, target }: BlobSides,
  path: string,
  { blob, copy }: { readonly blob: StoredBlob; readonly copy: string },
): Promise<boolean> {
  let isThere = false
  try {
    isThere = (await source.get(path))?.etag === blob.etag
  } finally {
    // In doubt too: the next run copies it again, whereas nobody would ever delete it.
    if (!isThere) await takeAway(target, path, copy)
  }
  return isThere
}

async function takeAway(target: BlobStore, path: string, etag: string): Promise<void> {
  try {
    await target.delete(path, { kind: 'etag', etag })
  } catch (error) {
    // A newer version, which is not ours, or gone already.
    if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
  }
}
