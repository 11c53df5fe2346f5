import { randomUUID } from 'node:crypto'
import type { ManifestEntry, Namespace, StorageBackend } from '@umbra/core'
import { arrived, changeNote, readNote, withRecord } from './note-file.ts'
import type { NotedRecord } from './note-file.ts'

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
    return withRecord(note, timestamp, { ...known, deleting: { ...known.deleting, [name]: rev } })
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

/** The highest revision that was deleted, or that somebody has set out to delete. */
export function mayBeDeletedUpTo({ deletedRev = 0, deleting = {} }: NotedRecord = {}): number {
  return Math.max(deletedRev, ...Object.values(deleting))
}

function withDeleting(record: NotedRecord, deleting: Readonly<Record<string, number>>): NotedRecord {
  const { deleting: _, ...known } = record
  return Object.keys(deleting).length === 0 ? known : { ...known, deleting }
}
