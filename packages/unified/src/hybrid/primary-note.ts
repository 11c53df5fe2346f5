import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { encodePathPart, etagRevision, hasErrorCode, namespacePath, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, StorageBackend, StoredBlob } from '@umbra/core'

/** What is known of the records with one id, by their timestamps, in the primary. */
interface PrimaryNote {
  readonly records: Readonly<Record<string, NotedRecord>>
  /**
   * Versions ({@link versionOf}) that the secondary's entry is, or was made over: the last that both had, and those of its own that
   * were sent to the primary since, which may or may not have got them.
   */
  readonly bases?: readonly string[]
}

/** A record that the primary had, or is about to get. */
interface NotedRecord {
  /** Set from when the record is first sent to the primary until the primary is known to have it. */
  readonly isUnderWay?: true
  /** The revision that was deleted. */
  readonly deletedRev?: number
  /** The revisions that somebody on this file has set out to delete, by the name of the attempt. */
  readonly deleting?: Readonly<Record<string, number>>
}

/** That somebody set out to delete a record. */
export interface DeletionAttempt {
  readonly id: string
  readonly timestamp: string
  readonly name: string
}

const UNKNOWN: PrimaryNote = { records: {} }

/** An id that is used again and again leaves a trace of its last records only: of those that a late copy may still be made of. */
const MAX_RECORDS = 16

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
  return changeNote(secondary, namespace, id, (note) => {
    const known = note.records[timestamp]
    // Not over a note of this record's deletion: a copy may arrive later than that.
    if (known !== undefined) return known.isUnderWay && withRecord(note, timestamp, arrived(known))
    // A first revision has no other to be made over, so this may be said before the copy is made.
    const first = rev === 1 ? [versionOf(entry)] : []
    return { ...withRecord(note, timestamp, {}), bases: [...(note.bases ?? []), ...first] }
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
    const known = note.records[timestamp]
    const there = (await secondary.getEntry(namespace, id))?.entry
    // Of a record that was deleted since no version is named again.
    if (there === undefined && mayBeDeletedUpTo(known) >= rev) return undefined
    const bases = note.bases ?? []
    // Those of later revisions stay, as copies may be noted in any order; and all, if the id is used again since.
    const kept = there?.timestamp === timestamp ? bases.filter((base) => etagRevision(base) > rev) : bases
    return {
      ...withRecord(note, timestamp, arrived(known)),
      bases: [...new Set([versionOf(entry), ...kept])],
    }
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
  return changeNote(secondary, namespace, id, (note) => ({
    ...withRecord(note, timestamp, note.records[timestamp] ?? { isUnderWay: true }),
    bases: [...new Set([...(note.bases ?? []), versionOf(entry)])],
  }))
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

/** Whether both had this version, or it was sent to the primary: it is none that SQLite alone has changed since. */
export async function isCopyOrSent(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  return (await basesOf(secondary, namespace, entry.id)).includes(versionOf(entry))
}

/**
 * Before the deletion, so that the copy is not read during an outage when it could not be deleted any more. Resolves to the attempt, for
 * {@link forgetAttempt}.
 */
export async function noteDeleting(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<DeletionAttempt> {
  const name = randomUUID()
  await changeNote(secondary, namespace, id, (note) => {
    const known = arrived(note.records[timestamp])
    return withRecord(note, timestamp, { ...known, deleting: { ...known.deleting, [name]: rev } })
  })
  return { id, timestamp, name }
}

/** One that was proved not to have deleted this record. */
export function forgetAttempt(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, name }: DeletionAttempt,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    const known = note.records[timestamp]
    if (known?.deleting?.[name] === undefined) return undefined
    const { [name]: _, ...others } = known.deleting
    return withRecord(note, timestamp, withDeleting(known, others))
  })
}

/** Of a record that the primary has no more: up to this revision. */
export function noteDeleted(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    const known = arrived(note.records[timestamp])
    const others = Object.entries(known.deleting ?? {}).filter(([, attempted]) => attempted > rev)
    const deletedRev = Math.max(rev, known.deletedRev ?? 0)
    return withRecord(note, timestamp, withDeleting({ ...known, deletedRev }, Object.fromEntries(others)))
  })
}

/** Versions name the hash of a content, of which a hard deletion leaves nothing. */
export function forgetBases(secondary: StorageBackend, namespace: Namespace, id: string): Promise<void> {
  return changeNote(secondary, namespace, id, async (note) => {
    // The id is used again: the versions are of that record.
    if ((await secondary.getEntry(namespace, id)) !== undefined) return undefined
    const { bases: _, ...kept } = note
    return kept
  })
}

function withDeleting(
  { deleting: _, ...known }: NotedRecord,
  deleting: Readonly<Record<string, number>>,
): NotedRecord {
  return Object.keys(deleting).length === 0 ? known : { ...known, deleting }
}

/** The highest revision that was deleted, or that somebody has set out to delete. */
function mayBeDeletedUpTo({ deletedRev = 0, deleting = {} }: NotedRecord = {}): number {
  return Math.max(deletedRev, ...Object.values(deleting))
}

function arrived(known: NotedRecord = {}): NotedRecord {
  const { isUnderWay: _, ...rest } = known
  return rest
}

function withRecord(note: PrimaryNote, timestamp: string, record: NotedRecord): PrimaryNote {
  const records = Object.entries({ ...note.records, [timestamp]: record })
  return { ...note, records: Object.fromEntries(records.slice(-MAX_RECORDS)) }
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
  const known = (await readNote(secondary, namespace, id))?.records[timestamp]
  if (known === undefined) return 'not begun'
  return known.isUnderWay === true ? 'under way' : 'arrived'
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
  return entry.rev <= mayBeDeletedUpTo(note?.records[entry.timestamp])
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

/** Writes what `edit` makes of the note, unless that is undefined or nothing new. */
async function changeNote(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
  edit: (note: PrimaryNote) => PrimaryNote | undefined | Promise<PrimaryNote | undefined>,
): Promise<void> {
  const path = notePath(namespace, id)
  for (;;) {
    const stored = await secondary.blobs.get(path)
    const note = stored === undefined ? UNKNOWN : parseNote(stored)
    const edited = await edit(note)
    if (edited === undefined || isDeepStrictEqual(edited, note)) return
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
  return `hybrid/notes/${namespacePath(namespace)}/${encodePathPart(id)}.json`
}
