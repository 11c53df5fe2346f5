import type { ManifestEntry, Namespace, StorageBackend } from '@umbra/core'
import { arrived, changeNote, readNote, withRecord } from './note-file.ts'

/**
 * Kept in the secondary for every id the primary has had, so that the copy of a record which was deleted there, by
 * whichever process and also without this backend, is never taken for a record that is only in the secondary.
 */
export function noteInPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) => {
    const known = note.records[timestamp]
    // Not over a note of this record's deletion: a copy may arrive later than that.
    if (known !== undefined) return known.isUnderWay && withRecord(note, timestamp, arrived(known))
    return withRecord(note, timestamp, {})
  })
}

/** Before a version of the secondary's is sent to the primary: it may never be known whether it arrived. */
export function noteSending(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<void> {
  return changeNote(secondary, namespace, id, (note) =>
    note.records[timestamp] === undefined ? withRecord(note, timestamp, { isUnderWay: true }) : undefined,
  )
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
