import { encodePathPart, hasErrorCode, namespacePath } from '@umbra/core'
import type { BlobExpectation, ManifestEntry, Namespace, StorageBackend, StoredBlob } from '@umbra/core'

interface PrimaryNote {
  /** Of the record the primary had: another record that uses the id again has another one. */
  readonly timestamp: string
  /** The revision this process set out to delete. */
  readonly deletedRev?: number
}

/**
 * Kept in the secondary for every id the primary has had, so that the copy of a record which was deleted there, by
 * whichever process and also without this backend, is never taken for a record that is only in the secondary.
 */
export async function noteInPrimary(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: Pick<ManifestEntry, 'id' | 'timestamp'>,
): Promise<void> {
  for (;;) {
    const stored = await secondary.blobs.get(notePath(namespace, id))
    // Not over a note of this record's deletion: a copy may arrive later than that.
    if (stored !== undefined && parseNote(stored).timestamp === timestamp) return
    const expect = stored ? ({ kind: 'etag', etag: stored.etag } as const) : ({ kind: 'absent' } as const)
    try {
      await writeNote(secondary, namespace, id, { note: { timestamp }, expect })
      return
    } catch (error) {
      // Another process has noted something meanwhile, maybe that deletion.
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) throw error
    }
  }
}

/** Before the deletion, so that the copy is not read during an outage when it could not be deleted any more. */
export function noteDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp, rev }: ManifestEntry,
): Promise<void> {
  return writeNote(secondary, namespace, id, { note: { timestamp, deletedRev: rev } })
}

/** For a deletion that was proved not to have happened. */
export function forgetDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, timestamp }: ManifestEntry,
): Promise<void> {
  return writeNote(secondary, namespace, id, { note: { timestamp } })
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
  // Only writeNote writes to this path.
  return JSON.parse(new TextDecoder().decode(bytes)) as PrimaryNote
}

async function writeNote(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
  { note, expect }: { readonly note: PrimaryNote; readonly expect?: BlobExpectation },
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(note))
  await secondary.blobs.put(notePath(namespace, id), bytes, expect)
}

/** Outside `json_blobs/`, so no caller's blob can have this path. */
function notePath(namespace: Namespace, id: string): string {
  return `hybrid/records/${namespacePath(namespace)}/${encodePathPart(id)}.json`
}
