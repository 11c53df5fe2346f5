import { encodePathPart, namespacePath } from '@umbra/core'
import type { DeleteMutation, ManifestEntry, Namespace, StorageBackend } from '@umbra/core'

interface DeletionNote {
  /** The revision that was deleted. */
  readonly rev: number
  readonly at: string
}

/**
 * Written into the secondary before a record is deleted from the primary, so that a copy which outlives the deletion
 * (the process died in between, or the copy could not be deleted) is never taken for a record that is only there.
 * Kept: it is a few bytes, and a late copy of an older revision may still arrive.
 */
export async function noteDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  { id, expect, at }: DeleteMutation,
): Promise<void> {
  const note: DeletionNote = { rev: Number.parseInt(expect.etag, 10), at }
  await secondary.blobs.put(
    notePath(namespace, id),
    new TextEncoder().encode(JSON.stringify(note)),
    undefined,
  )
}

/** For a deletion that was proved not to have happened. */
export async function forgetDeletion(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
): Promise<void> {
  await secondary.blobs.delete(notePath(namespace, id), undefined)
}

/** Whether this is a copy of a record that the primary deleted. */
export async function wasDeleted(
  secondary: StorageBackend,
  namespace: Namespace,
  entry: ManifestEntry,
): Promise<boolean> {
  const stored = await secondary.blobs.get(notePath(namespace, entry.id))
  if (stored === undefined) return false
  // Only noteDeletion writes to this path.
  const note = JSON.parse(new TextDecoder().decode(stored.bytes)) as DeletionNote
  // An id that is used again has a later timestamp; a version the deletion did not name has a higher revision.
  return entry.timestamp <= note.at && entry.rev <= note.rev
}

/** Outside `json_blobs/`, so no caller's blob can have this path. */
function notePath(namespace: Namespace, id: string): string {
  return `hybrid/deleted/${namespacePath(namespace)}/${encodePathPart(id)}.json`
}
