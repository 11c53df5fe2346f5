import { encodePathPart, etagRevision, hasErrorCode, namespacePath, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, StorageBackend, StoredBlob } from '@umbra/core'

interface PrimaryNote {
  /** Of the record the primary had: another record that uses the id again has another one. */
  readonly timestamp: string
  /** The revision this process set out to delete. */
  readonly deletedRev?: number
  /** Etag of the primary's version that the secondary's was last a copy of. */
  readonly copied?: string
}

/**
 * Kept in the secondary for every id the primary has had, so that the copy of a record which was deleted there, by
 * whichever process and also without this backend, is never taken for a record that is only in the secondary.
 */
export function noteInPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<void> {
  const { id, timestamp, rev } = entry
  // A first revision has no other to be made over, so this may be said before the copy is made.
  const fresh = { timestamp, ...(rev === 1 && { copied: recordEtag(entry) }) }
  // Not over a note of this record's deletion: a copy may arrive later than that.
  return changeNote(secondary, namespace, id, (note) => (note?.timestamp === timestamp ? undefined : fresh))
}

/** Of an entry that both have: what the secondary has from now on was made over this version. */
export function noteCopied(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, entry.id, (note) =>
    note?.timestamp === entry.timestamp ? withCopied(note, entry) : undefined,
  )
}

/** Both of the above, of an entry that both have. */
export function noteEqual(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<void> {
  const { id, timestamp } = entry
  return changeNote(secondary, namespace, id, (note) =>
    withCopied(note?.timestamp === timestamp ? note : { timestamp }, entry),
  )
}

/** Copies may be noted in any order: the newest counts. */
function withCopied(note: PrimaryNote, entry: ManifestEntry): PrimaryNote | undefined {
  const isNewer = note.copied === undefined || etagRevision(note.copied) < entry.rev
  return isNewer ? { ...note, copied: recordEtag(entry) } : undefined
}

/** The version of the primary's, by its etag, that the secondary's entry was made over or is the copy of, where that is known. */
export async function copiedVersion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<string | undefined> {
  const note = await readNote(secondary, namespace, id)
  return note?.timestamp === timestamp ? note.copied : undefined
}

/** Before the deletion, so that the copy is not read during an outage when it could not be deleted any more. */
export function noteDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  // Not over the note of a later record: another process has deleted this one, and the id was used again.
  return changeNote(secondary, namespace, id, (note) =>
    note !== undefined && note.timestamp > timestamp ? undefined : { timestamp, deletedRev: rev },
  )
}

/** For a deletion that was proved not to have happened. */
export function forgetDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) =>
    note?.timestamp === timestamp && note.deletedRev === rev ? { timestamp } : undefined,
  )
}

/** Whether the primary has had this record: then it says what became of it. */
export async function wasInPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  const note = await readNote(secondary, namespace, entry.id)
  return note?.timestamp === entry.timestamp
}

/** Whether this is a copy of a record that was deleted, as far as that is known without the primary. */
export async function wasDeleted(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  const note = await readNote(secondary, namespace, entry.id)
  // A version that the deletion did not name has a higher revision.
  return note?.timestamp === entry.timestamp && entry.rev <= (note.deletedRev ?? 0)
}

async function readNote(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
): Promise<PrimaryNote | undefined> {
  const stored = await secondary.blobs.get(notePath(namespace, id))
  return stored && parseNote(stored)
}

function parseNote({ bytes }: StoredBlob): PrimaryNote {
  // Only changeNote writes to this path.
  return JSON.parse(new TextDecoder().decode(bytes)) as PrimaryNote
}

/** Writes what `edit` makes of the note, unless that is undefined. */
async function changeNote(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
  edit: (note: PrimaryNote | undefined) => PrimaryNote | undefined,
): Promise<void> {
  const path = notePath(namespace, id)
  for (;;) {
    const stored = await secondary.blobs.get(path)
    const edited = edit(stored && parseNote(stored))
    if (edited === undefined) return
    const bytes = new TextEncoder().encode(JSON.stringify(edited))
    try {
      await secondary.blobs.put(
        path,
        bytes,
        stored ? { kind: 'etag', etag: stored.etag } : { kind: 'absent' },
      )
      return
    } catch (error) {
      // Another process has noted something meanwhile, maybe a deletion.
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    }
  }
}

/** Outside `json_blobs/`, so no caller's blob can have this path. */
function notePath(namespace: Namespace, id: string): string {
  return `hybrid/records/${namespacePath(namespace)}/${encodePathPart(id)}.json`
}
