import { isDeepStrictEqual } from 'node:util'
import { encodePathPart, hasErrorCode, namespacePath } from '@umbra/core'
import type { Namespace, StorageBackend, StoredBlob } from '@umbra/core'

/** What is known of the records with one id, by their timestamps, in the primary. */
export interface PrimaryNote {
  readonly records: Readonly<Record<string, NotedRecord>>
}

/** A record that the primary had, or is about to get. */
export interface NotedRecord {
  /** Set from when the record is first sent to the primary until the primary is known to have it. */
  readonly isUnderWay?: true
  /** The record was deleted, at the latest as this revision. */
  readonly deletedRev?: number
  /** The revisions that somebody on this file has set out to delete, by the name of the attempt. */
  readonly deleting?: Readonly<Record<string, number>>
}

const UNKNOWN: PrimaryNote = { records: {} }

/** An id that is used again and again leaves a trace of its last records only: of those that a late copy may still be made of. */
const MAX_RECORDS = 16

export async function readNote(
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
export async function changeNote(
  secondary: StorageBackend,
  namespace: Namespace,
  id: string,
  edit: (note: PrimaryNote) => PrimaryNote | undefined,
): Promise<void> {
  const path = notePath(namespace, id)
  for (;;) {
    const stored = await secondary.blobs.get(path)
    const note = stored === undefined ? UNKNOWN : parseNote(stored)
    const edited = edit(note)
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

export function arrived(known: NotedRecord = {}): NotedRecord {
  const { isUnderWay: _, ...rest } = known
  return rest
}

export function withRecord(note: PrimaryNote, timestamp: string, record: NotedRecord): PrimaryNote {
  const records = Object.entries({ ...note.records, [timestamp]: record })
  return { records: Object.fromEntries(records.slice(-MAX_RECORDS)) }
}
