import { etagRevision, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, StorageBackend } from '@umbra/core'
import { mayBeDeletedUpTo } from './deletion-note.ts'
import { arrived, changeNote, readNote, withRecord } from './note-file.ts'

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

/** Versions name the hash of a content, of which a hard deletion leaves nothing. */
export function forgetBases(secondary: StorageBackend, namespace: Namespace, id: string): Promise<void> {
  return changeNote(secondary, namespace, id, async (note) => {
    // The id is used again: the versions are of that record.
    if ((await secondary.getEntry(namespace, id)) !== undefined) return undefined
    const { bases: _, ...kept } = note
    return kept
  })
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
