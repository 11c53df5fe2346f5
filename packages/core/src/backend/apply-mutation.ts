import { dataKey } from '../keys/key-paths.ts'
import type { DataKeyParts } from '../keys/key-paths.ts'
import type { EntryDraft, ManifestEntry } from '../records/manifest-entry.ts'
import type { DeleteMutation } from './mutation.ts'

/** The revision that follows `current`, which may be a tombstone or nothing; at least the one asked for. */
export function nextRevision(current: ManifestEntry | undefined, atLeast = 1): number {
  return Math.max((current?.rev ?? 0) + 1, atLeast)
}

/** The object key of a revision: the plain one for the first, one never used before for every later one. */
export function revisionKey(draft: EntryDraft, rev: number, nonce: string): string {
  return rev === 1 ? dataKey(keyParts(draft)) : uniqueRevisionKey(draft, rev, nonce)
}

/** A key of this revision that nothing else can have. */
export function uniqueRevisionKey(draft: EntryDraft, rev: number, nonce: string): string {
  return dataKey({ ...keyParts(draft), later: { rev, nonce } })
}

function keyParts(draft: EntryDraft): DataKeyParts {
  return {
    namespace: { module: draft.module, userId: draft.user_id },
    id: draft.id,
    timestamp: draft.timestamp,
    format: draft.data_type,
    filename: draft.filename,
  }
}

export interface StoredObject {
  readonly key: string
  /** The object's own ETag, without quotes. */
  readonly etag: string
}

/** The entry of a stored revision, in the manifest's field order. */
export function committedEntry(draft: EntryDraft, rev: number, object: StoredObject): ManifestEntry {
  const { id, module, user_id, timestamp, data_type, size, metadata, ...rest } = draft
  return {
    id,
    module,
    user_id,
    timestamp,
    data_type,
    key: object.key,
    etag: object.etag,
    size,
    metadata,
    rev,
    op: 'put',
    ...rest,
  }
}

/** What remains of a deleted record: nothing of its content. */
export function tombstone(mutation: DeleteMutation, current: ManifestEntry): ManifestEntry {
  return {
    id: current.id,
    module: current.module,
    user_id: current.user_id,
    timestamp: current.timestamp,
    data_type: current.data_type,
    key: current.key,
    etag: '',
    size: 0,
    metadata: {},
    rev: nextRevision(current),
    op: 'del',
    sha256: '',
    record_count: null,
    text: '',
    updated_at: mutation.at,
  }
}
