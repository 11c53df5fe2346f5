import { hasErrorCode, recordEtag } from '@umbra/core'
import type {
  EntryDraft,
  ManifestEntry,
  Namespace,
  RecordBody,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { isOfEarlier } from '../migration/decide-record.ts'
import { inPrimary, inSecondary } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { notTried } from './not-tried.ts'
import { noteEqual, noteInPrimary, noteSent, wasDeleted, wasInPrimary } from './primary-note.ts'

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
  if (!(await wasInPrimary(secondary, namespace, copy.entry))) return inSecondary(copy)
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
  stored: StoredEntry,
  at: string,
): Promise<StoredEntry | undefined> {
  const { entry } = stored
  const deleted = (await primary.inventory?.findDeletions(namespace, [entry.id]))?.get(entry.id)
  // An earlier record of this id was deleted from the primary alone: there this one can only be a later revision.
  const isReused = deleted !== undefined && deleted.rev >= entry.rev && isOfEarlier(deleted, entry)
  const rev = isReused ? deleted.rev + 1 : entry.rev
  const copy = { draft: toDraft(entry), body: storedBody(secondary, stored), rev }
  await noteSent(secondary, namespace, { ...entry, rev })
  const [copied] = await primary.commit(namespace, [{ kind: 'put', ...copy, expect: { kind: 'absent' } }])
  if (copied === undefined) return undefined
  if (copied.entry.rev === rev) {
    await noteEqual(secondary, namespace, copied.entry)
    if (isReused)
      await raiseCopy(secondary, namespace, { entry, raised: copied, body: storedBody(primary, copied) })
    return copied
  }
  await noteInPrimary(secondary, namespace, entry)
  // A higher revision: another process copied the record and deleted it since we looked. It stays deleted.
  const expect = { kind: 'etag', etag: recordEtag(copied.entry) } as const
  await primary.commit(namespace, [{ kind: 'delete', id: entry.id, expect, at }])
  return undefined
}

/** Gives the secondary's record the revision it has in the primary. */
async function raiseCopy(
  secondary: StorageBackend,
  namespace: Namespace,
  {
    entry,
    raised,
    body,
  }: { readonly entry: ManifestEntry; readonly raised: StoredEntry; readonly body: RecordBody },
): Promise<void> {
  const expect = { kind: 'etag', etag: recordEtag(entry) } as const
  const { rev } = raised.entry
  try {
    await secondary.commit(namespace, [{ kind: 'put', draft: toDraft(entry), body, rev, expect }])
  } catch (error) {
    // Changed or deleted meanwhile: the copy of that change follows.
    if (!hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')) throw error
  }
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
