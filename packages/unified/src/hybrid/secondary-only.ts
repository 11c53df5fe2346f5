import { hasErrorCode, recordEtag, UmbraError } from '@umbra/core'
import type {
  Deletion,
  EntryDraft,
  ManifestEntry,
  Namespace,
  RecordBody,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { addSent } from '../migration/version-bases.ts'
import { inPrimary, inSecondary } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { notTried } from './not-tried.ts'
import { noteDeleted, wasDeleted } from './deletion-note.ts'
import { noteInPrimary, noteSending, wayToPrimary } from './primary-note.ts'

/** A record that keeps changing while it is copied is given up after this many tries. */
const MAX_COPY_TRIES = 5

/** The primary's record, or the one that is only in the secondary. */
export async function findRecord(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  id: string,
): Promise<StoredEntry | undefined> {
  const stored = await primary.getEntry(namespace, id)
  if (stored !== undefined) return inPrimary(stored)
  const copy = await secondary.getEntry(namespace, id)
  if (copy === undefined) return undefined
  if (await isOnlyHere({ primary, secondary }, namespace, copy.entry)) return inSecondary(copy)
  // Deleted from the primary, or copied there since we asked.
  const current = await primary.getEntry(namespace, id)
  return current && inPrimary(current)
}

/** What the secondary alone can say: its record, unless that is known to be the copy of a deleted one. */
export async function findCopy(
  { secondary }: HybridParts,
  namespace: Namespace,
  id: string,
): Promise<StoredEntry | undefined> {
  const stored = await secondary.getEntry(namespace, id)
  if (stored === undefined || (await wasDeleted(secondary, namespace, stored.entry))) return undefined
  return inSecondary(stored)
}

/**
 * Makes the primary the place where a record's next version is decided: a record that is only in the secondary is
 * copied there as the very revision it is. Resolves to the primary's record; undefined when there is none.
 */
export async function ensureInPrimary(
  parts: HybridParts,
  namespace: Namespace,
  target: { readonly id: string; readonly at: string },
): Promise<StoredEntry | undefined> {
  for (let tries = 1; ; tries++) {
    const stored = await findRecord(parts, namespace, target.id)
    if (stored?.storedIn !== 'sqlite') return stored
    try {
      return await copyToPrimary(parts, namespace, stored, target.at)
    } catch (error) {
      // Another writer copied it first, or it changed while it was copied, most likely because one is ahead of us.
      if (tries >= MAX_COPY_TRIES || !hasErrorCode(error, 'ALREADY_EXISTS', 'CONFLICT')) throw notTried(error)
    }
  }
}

async function copyToPrimary(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  only: StoredEntry,
  at: string,
): Promise<StoredEntry | undefined> {
  const deleted = await findDeletion(primary, namespace, only.entry)
  // Another record of this id was deleted from the primary alone: there this one can only be a later revision.
  const isReused =
    deleted !== undefined && deleted.rev >= only.entry.rev && deleted.timestamp !== only.entry.timestamp
  const stored = isReused ? await raiseAbove(secondary, namespace, only, deleted) : only
  const { entry } = stored
  if (!(await addSent(secondary, namespace, [entry])).has(entry)) throw changedMeanwhile(entry.id)
  await noteSending(secondary, namespace, entry)
  const copy = { draft: toDraft(entry), body: storedBody(secondary, stored), rev: entry.rev }
  const [copied] = await primary.commit(namespace, [{ kind: 'put', ...copy, expect: { kind: 'absent' } }])
  if (copied === undefined) return undefined
  await noteInPrimary(secondary, namespace, entry)
  if (copied.entry.rev === entry.rev) return copied
  // A higher revision: another process copied the record and deleted it since we looked. It stays deleted.
  const expect = { kind: 'etag', etag: recordEtag(copied.entry) } as const
  await primary.commit(namespace, [{ kind: 'delete', id: entry.id, expect, at }])
  return undefined
}

/** Gives the secondary's record the revision that it can have in the primary. */
async function raiseAbove(
  secondary: StorageBackend,
  namespace: Namespace,
  stored: StoredEntry,
  deleted: Deletion,
): Promise<StoredEntry> {
  const put = { draft: toDraft(stored.entry), body: storedBody(secondary, stored), rev: deleted.rev + 1 }
  const expect = { kind: 'etag', etag: recordEtag(stored.entry) } as const
  try {
    const [raised = stored] = await secondary.commit(namespace, [{ kind: 'put', ...put, expect }])
    return inSecondary(raised)
  } catch (error) {
    if (!hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')) throw error
    throw changedMeanwhile(stored.entry.id, error)
  }
}

function changedMeanwhile(id: string, cause?: unknown): UmbraError {
  return new UmbraError('CONFLICT', `the record was changed while it was copied. id=${id}`, { cause })
}

async function findDeletion(
  primary: StorageBackend,
  namespace: Namespace,
  { id }: ManifestEntry,
): Promise<Deletion | undefined> {
  return (await primary.inventory?.findDeletions(namespace, [id]))?.get(id)
}

/**
 * What of a record of the secondary's, which the primary has not, is a record: not the copy of one that was deleted there, and not one that
 * arrived there unnoticed and was deleted since.
 */
export async function isOnlyHere(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  const way = await wayToPrimary(secondary, namespace, entry)
  if (way !== 'under way') return way === 'not begun'
  const deleted = await findDeletion(primary, namespace, entry)
  if (deleted === undefined || !mayBeOf(deleted, entry)) return true
  // While the primary still knows of it.
  await noteDeleted(secondary, namespace, { ...entry, rev: deleted.rev - 1 })
  return false
}

/** Whether the primary deleted this record, or a later one that seems to have got the id only because this one had been deleted. */
function mayBeOf(deleted: Deletion, { timestamp, rev }: ManifestEntry): boolean {
  // This one's deletion and both revisions of the other.
  return deleted.timestamp === timestamp || (deleted.timestamp > timestamp && deleted.rev >= rev + 3)
}

export function toDraft(entry: ManifestEntry): EntryDraft {
  const { key: _key, etag: _etag, rev: _rev, op: _op, ...draft } = entry
  return draft
}

/** A revision's body where it is stored, to be copied; read anew by every attempt. */
export function storedBody(backend: StorageBackend, stored: StoredEntry): RecordBody {
  return {
    size: stored.entry.size,
    sha256: stored.entry.sha256,
    bytes: undefined,
    async *stream(range) {
      yield* await backend.openBody(stored, range)
    },
    dispose: async () => {},
  }
}
