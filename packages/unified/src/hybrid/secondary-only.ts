import { hasErrorCode, recordEtag } from '@umbra/core'
import type {
  EntryDraft,
  ManifestEntry,
  Namespace,
  RecordBody,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { wasDeleted } from './deletion-note.ts'
import type { HybridParts } from './hybrid-parts.ts'

/** A record that keeps changing while it is copied is given up after this many tries. */
const MAX_COPY_TRIES = 5

/** The secondary's record, unless it is the copy of a deleted one. */
export async function findSecondary(
  { secondary }: HybridParts,
  namespace: Namespace,
  id: string,
): Promise<StoredEntry | undefined> {
  const stored = await secondary.getEntry(namespace, id)
  if (stored === undefined || (await wasDeleted(secondary, namespace, stored.entry))) return undefined
  return stored
}

/**
 * Makes the primary the place where a record's next version is decided: a record that is only in the secondary is
 * copied there as the very revision it is. Resolves to whether the primary has the record now.
 */
export async function ensureInPrimary(
  parts: HybridParts,
  namespace: Namespace,
  target: { readonly id: string; readonly at: string },
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    if ((await parts.primary.getEntry(namespace, target.id)) !== undefined) return true
    const stored = await findSecondary(parts, namespace, target.id)
    if (stored === undefined) return false
    try {
      return await copyToPrimary(parts, namespace, stored, target.at)
    } catch (error) {
      // Another writer copied it first, which is all we wanted.
      if (hasErrorCode(error, 'ALREADY_EXISTS')) return true
      // It changed while it was copied, most likely because another writer is ahead of us.
      if (tries >= MAX_COPY_TRIES || !hasErrorCode(error, 'CONFLICT')) throw error
    }
  }
}

async function copyToPrimary(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  stored: StoredEntry,
  at: string,
): Promise<boolean> {
  const { entry } = stored
  const copy = { draft: toDraft(entry), body: storedBody(secondary, stored), rev: entry.rev }
  const [copied] = await primary.commit(namespace, [{ kind: 'put', ...copy, expect: { kind: 'absent' } }])
  if (copied === undefined || copied.entry.rev === entry.rev) return true
  // A higher revision: another process copied the record and deleted it since we looked. It stays deleted.
  const expect = { kind: 'etag', etag: recordEtag(copied.entry) } as const
  await primary.commit(namespace, [{ kind: 'delete', id: entry.id, expect, at }])
  return false
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
