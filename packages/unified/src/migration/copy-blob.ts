import { randomUUID } from 'node:crypto'
import { hasErrorCode } from '@umbra/core'
import type { BlobStore, NamedWrite, StoredBlob } from '@umbra/core'
import type { BlobVersion } from './migration-options.ts'

export type BlobOutcome =
  | { readonly kind: 'copied'; readonly blob: StoredBlob }
  /** Deleted in the source since it was listed. */
  | { readonly kind: 'gone' }
  /** The target has had it, and has it no more. */
  | { readonly kind: 'deletedInTarget' }
  /** Written or deleted while it was copied, on either side: a later pass sees what became of it. */
  | { readonly kind: 'moved' }

export interface BlobSides {
  readonly source: BlobStore
  readonly target: BlobStore
  /** Whether the target is known to have had what the source has of a blob, and has none now. */
  readonly isDeletedInTarget: (blob: BlobVersion) => Promise<boolean>
}

/**
 * Copies a blob that the target has not. What is deleted from the source while it is copied stays deleted.
 *
 * @throws what the stores throw.
 */
export async function copyBlob(sides: BlobSides, path: string): Promise<BlobOutcome> {
  const { source, target } = sides
  // Before the source is read: a deletion that comes after that leaves another version in the target.
  const newest = await target.newest?.(path)
  const blob = await source.get(path)
  if (blob === undefined) return { kind: 'gone' }
  if (await sides.isDeletedInTarget({ path, etag: blob.etag })) return { kind: 'deletedInTarget' }
  const copy = await overVersion(newest, async (named) => {
    const { etag } = await target.put(path, blob.bytes, { kind: 'absent' }, named)
    return { etag, name: named?.opId }
  })
  if (copy === undefined) return { kind: 'moved' }
  // Who deletes from the source alone, or from a target that remembers no deletion, leaves the copy.
  const isThere = await isStillThere(sides, path, { blob, copy })
  return isThere ? { kind: 'copied', blob } : { kind: 'moved' }
}

interface BlobCopy {
  readonly etag: string
  /** Undefined where versions have no names. */
  readonly name: string | undefined
}

/** Whether the source still has the version that was copied; when it has not, or does not say, the copy is taken away again. */
async function isStillThere(
  { source, target }: BlobSides,
  path: string,
  { blob, copy }: { readonly blob: StoredBlob; readonly copy: BlobCopy },
): Promise<boolean> {
  let isThere = false
  try {
    isThere = (await source.get(path))?.etag === blob.etag
  } finally {
    // In doubt too: the next run copies it again, whereas nobody would ever delete it.
    if (!isThere) {
      const expect = { kind: 'etag', etag: copy.etag } as const
      // Also another one with the same content is not ours.
      await overVersion(copy.name, (named) => target.delete(path, expect, named))
    }
  }
  return isThere
}

/** Makes a change over nothing but this version, as far as versions have names; undefined when another one is there. */
async function overVersion<T>(
  version: string | undefined,
  change: (named: NamedWrite | undefined) => Promise<T>,
): Promise<T | undefined> {
  let isOutdated = false
  const named: NamedWrite | undefined =
    version === undefined
      ? undefined
      : {
          opId: `migration-${randomUUID()}`,
          since: version,
          mayApply(current) {
            isOutdated = current !== version
            return !isOutdated
          },
        }
  try {
    return await change(named)
  } catch (error) {
    if (!isOutdated && !hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    return undefined
  }
}
