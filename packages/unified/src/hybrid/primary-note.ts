import { isDeepStrictEqual } from 'node:util'
import { encodePathPart, etagRevision, hasErrorCode, namespacePath, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, StorageBackend, StoredBlob } from '@umbra/core'

interface PrimaryNote {
  /** Of the record the primary had, or is about to get: another record that uses the id again has another one. */
  readonly timestamp: string
  /** Set from when the record is first sent to the primary until the primary is known to have it. */
  readonly isUnderWay?: true
  /** The revision that somebody on this file set out to delete, or has deleted. */
  readonly deletedRev?: number
  /**
   * Versions ({@link versionOf}) that the secondary's entry is, or was made over: the last that both had, and those of its own that
   * were sent to the primary since, which may or may not have got them.
   */
  readonly bases?: readonly string[]
}

/** What tells a version from every other one: two of the same revision and content may still differ in their metadata. */
export function versionOf(entry: ManifestEntry): string {
  return `${recordEtag(entry)} ${entry.updated_at ?? entry.timestamp}`
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
  const fresh = { timestamp, ...(rev === 1 && { bases: [versionOf(entry)] }) }
  return changeNote(secondary, namespace, id, (note) => {
    if (note?.timestamp !== timestamp) return fresh
    // Not over a note of this record's deletion: a copy may arrive later than that.
    return note.isUnderWay && arrived(note)
  })
}

/** Of an entry that both have: what the secondary has from now on was made over this version. */
export function noteEqual(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<void> {
  const { id, timestamp, rev } = entry
  return changeNote(secondary, namespace, id, async (note) => {
    const own = note?.timestamp === timestamp ? note : undefined
    // It may have been deleted since, and the id used again: the note is of that record then.
    if (note !== undefined && own === undefined && !(await hasRecord(secondary, namespace, entry)))
      return undefined
    // Of a record that was deleted since no version is named again.
    const mayBeGone = (own?.deletedRev ?? 0) >= rev
    if (mayBeGone && (await secondary.getEntry(namespace, id)) === undefined) return undefined
    // Those of later revisions: copies may be noted in any order.
    const later = own?.bases?.filter((base) => etagRevision(base) > rev) ?? []
    const noted = { ...(own ? arrived(own) : { timestamp }), bases: [versionOf(entry), ...later] }
    return isDeepStrictEqual(noted, note) ? undefined : noted
  })
}

/**
 * Before a version of the secondary's is sent to the primary: should the answer be lost, what is changed in the secondary from now on
 * was made over it all the same.
 */
export function noteSending(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<void> {
  const { id, timestamp } = entry
  const version = versionOf(entry)
  return changeNote(secondary, namespace, id, (note) => {
    const bases = note?.bases ?? []
    const added = bases.includes(version) ? bases : [...bases, version]
    if (note?.timestamp !== timestamp) return { timestamp, isUnderWay: true, bases: added }
    return added === bases ? undefined : { ...note, bases: added }
  })
}

/** The versions ({@link versionOf}) any of which, if the primary has it now, the secondary's entry was made over or is the copy of. */
export async function basesOf(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
): Promise<readonly string[]> {
  const note = await readNote(secondary, namespace, id)
  return note?.bases ?? []
}

/** Before the deletion, so that the copy is not read during an outage when it could not be deleted any more. */
export function noteDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    // Not over the note of a later record: another process has deleted this one, and the id was used again.
    if (note !== undefined && note.timestamp > timestamp) return undefined
    const noted = { ...(note?.timestamp === timestamp ? arrived(note) : { timestamp }), deletedRev: rev }
    return isDeepStrictEqual(noted, note) ? undefined : noted
  })
}

/** For a deletion that was proved not to have happened. */
export function forgetDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    if (note?.timestamp !== timestamp || note.deletedRev !== rev) return undefined
    const { deletedRev: _, ...kept } = note
    return kept
  })
}

/** Versions name the hash of a content, of which a hard deletion leaves nothing. */
export function forgetBases(secondary: StorageBackend, namespace: Namespace, id: string): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    if (note?.bases === undefined) return undefined
    const { bases: _, ...kept } = note
    return kept
  })
}

function arrived(note: PrimaryNote): PrimaryNote {
  const { isUnderWay: _, ...known } = note
  return known
}

async function hasRecord(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<boolean> {
  return (await secondary.getEntry(namespace, id))?.entry.timestamp === timestamp
}

/** Whether the primary is known to have had, or may have got, a record with this id, be it another one. */
export async function mayHaveId(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
): Promise<boolean> {
  return (await readNote(secondary, namespace, id)) !== undefined
}

/** Whether the primary has had this record, or it was sent there, and is not known to have arrived. */
export async function wayToPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<'not begun' | 'under way' | 'arrived'> {
  const note = await readNote(secondary, namespace, id)
  if (note?.timestamp !== timestamp) return 'not begun'
  return note.isUnderWay === true ? 'under way' : 'arrived'
}

/** Whether the primary has had this record: then it says what became of it. */
export async function wasInPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  return (await wayToPrimary(secondary, namespace, entry)) === 'arrived'
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
  edit: (note: PrimaryNote | undefined) => PrimaryNote | undefined | Promise<PrimaryNote | undefined>,
): Promise<void> {
  const path = notePath(namespace, id)
  for (;;) {
    const stored = await secondary.blobs.get(path)
    const edited = await edit(stored && parseNote(stored))
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
