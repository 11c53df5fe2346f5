import { randomUUID } from 'node:crypto'
import type { ManifestEntry, Namespace, StorageBackend } from '@umbra/core'
import { arrived, changeNote, readNote, withRecord } from './note-file.ts'
import type { NotedRecord } from './note-file.ts'

/**
 * The attempt to remove copies that outlived their record, if they have: one for all, so that whoever hears next that the record is there
 * takes back also what a process has left that died.
 */
export const ATTEMPT_OF_COPIES = 'copy'

/** That somebody set out to delete a record. */
export interface DeletionAttempt {
  readonly id: string
  readonly timestamp: string
  readonly name: string
}

/**
 * Before the deletion, so that the copy is not read during an outage when it could not be deleted any more. Resolves to the attempt, for
 * {@link forgetAttempt}: one of its own unless it is given a name.
 */
export async function noteDeleting(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
  name: string = randomUUID(),
): Promise<DeletionAttempt> {
  await changeNote(secondary, namespace, id, (note) => {
    const known = arrived(note.records[timestamp])
    return withRecord(note, timestamp, {
      ...known,
      deleting: { ...known.deleting, [name]: Math.max(rev, known.deleting?.[name] ?? 0) },
    })
  })
  return { id, timestamp, name }
}

/** Of an attempt that was proved not to have deleted the record. */
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

/** The same where an attempt alone, which may have come to nothing, is not enough. */
export async function isKnownDeleted(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  const record = (await readNote(secondary, namespace, entry.id))?.records[entry.timestamp]
  return record?.deletedRev !== undefined && entry.rev <= mayBeDeletedUpTo(record)
}

/** The highest revision that was deleted, or that somebody has set out to delete. */
function mayBeDeletedUpTo({ deletedRev = 0, deleting = {} }: NotedRecord = {}): number {
  return Math.max(deletedRev, ...Object.values(deleting))
}

function withDeleting(record: NotedRecord, deleting: Readonly<Record<string, number>>): NotedRecord {
  const { deleting: _, ...known } = record
  return Object.keys(deleting).length === 0 ? known : { ...known, deleting }
}
