import { randomUUID } from 'node:crypto'
import { hasErrorCode } from '@umbra/core'
import type { BlobExpectation, BlobStore, NamedWrite, StoredBlob } from '@umbra/core'
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

interface BlobCopy {
  readonly etag: string
  /** Undefined where versions have no names. */
  readonly name: string | undefined
}

/**
 * Copies a blob that the target has not, and what the source has of it once that is done. What hybrid deletes meanwhile stays deleted.
 *
 * @throws what the stores throw.
 */
export async function copyBlob(sides: BlobSides, listed: BlobVersion): Promise<BlobOutcome> {
  const { source, target } = sides
  const { path } = listed
  // Both before the source is read: a deletion that comes after that leaves another version in the target, and the note of one goes with the copy.
  const newest = await target.newest?.(path)
  const isDeleted = await sides.isDeletedInTarget(listed)
  const blob = await source.get(path)
  if (blob === undefined) return { kind: 'gone' }
  if (blob.etag !== listed.etag) return { kind: 'moved' }
  if (isDeleted) return { kind: 'deletedInTarget' }
  const copy = await put(sides, path, { blob, over: { name: newest, expect: { kind: 'absent' } } })
  if (copy === undefined) return { kind: 'moved' }
  const now = await lookAgain(sides, path, copy)
  if (now === 'taken away') return { kind: 'moved' }
  // Whoever deletes from the source alone leaves what the target has, now as before.
  if (now === undefined || now.etag === blob.etag) return { kind: 'copied', blob }
  // Once: what the source has after that may be what somebody has read in the target meanwhile.
  const expect = { kind: 'etag', etag: copy.etag } as const
  const newer = await put(sides, path, { blob: now, over: { name: copy.name, expect } })
  return newer === undefined ? { kind: 'moved' } : { kind: 'copied', blob: now }
}

function put(
  { target }: BlobSides,
  path: string,
  {
    blob,
    over,
  }: { readonly blob: StoredBlob; readonly over: { name: string | undefined; expect: BlobExpectation } },
): Promise<BlobCopy | undefined> {
  return overVersion(over.name, async (named) => {
    const { etag } = await target.put(path, blob.bytes, over.expect, named)
    return { etag, name: named?.opId }
  })
}

/**
 * What the source has now. A target without names for versions would not have noticed a deletion before the copy came: there the copy is taken away
 * when the source has none, or does not say, for the next run copies it again, whereas nobody would ever delete it. Where versions have
 * names it stays, as others may have read it.
 */
async function lookAgain(
  { source, target }: BlobSides,
  path: string,
  copy: BlobCopy,
): Promise<StoredBlob | undefined | 'taken away'> {
  if (copy.name !== undefined) return source.get(path)
  let now: StoredBlob | undefined
  try {
    now = await source.get(path)
  } finally {
    if (now === undefined)
      await overVersion(undefined, () => target.delete(path, { kind: 'etag', etag: copy.etag }))
  }
  return now ?? 'taken away'
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
