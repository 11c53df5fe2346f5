import type { ManifestEntry, Namespace, StoredEntry } from '@umbra/core'
import { records } from './schema.ts'

type RecordColumns = typeof records.$inferSelect

/** What of a row is its manifest entry. */
export const ENTRY_COLUMNS = {
  id: records.id,
  timestamp: records.timestamp,
  dataType: records.dataType,
  key: records.key,
  etag: records.etag,
  size: records.size,
  metadata: records.metadata,
  rev: records.rev,
  op: records.op,
  sha256: records.sha256,
  recordCount: records.recordCount,
  text: records.text,
  textTruncated: records.textTruncated,
  updatedAt: records.updatedAt,
  contentType: records.contentType,
  filename: records.filename,
}

export type EntryRow = Pick<RecordColumns, keyof typeof ENTRY_COLUMNS>

/** In the manifest's field order. */
export function toEntry(row: EntryRow, namespace: Namespace): ManifestEntry {
  return {
    id: row.id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp: row.timestamp,
    data_type: row.dataType,
    key: row.key,
    etag: row.etag,
    size: row.size,
    metadata: row.metadata,
    rev: row.rev,
    op: row.op,
    sha256: row.sha256,
    record_count: row.recordCount,
    text: row.text,
    ...(row.textTruncated && { text_truncated: true }),
    ...(row.updatedAt !== null && { updated_at: row.updatedAt }),
    ...(row.contentType !== null && { content_type: row.contentType }),
    ...(row.filename !== null && { filename: row.filename }),
  }
}

export function toRow(entry: ManifestEntry): EntryRow {
  return {
    id: entry.id,
    timestamp: entry.timestamp,
    dataType: entry.data_type,
    key: entry.key,
    etag: entry.etag,
    size: entry.size,
    metadata: entry.metadata,
    rev: entry.rev,
    op: entry.op,
    sha256: entry.sha256,
    recordCount: entry.record_count,
    text: entry.text,
    textTruncated: entry.text_truncated ?? false,
    updatedAt: entry.updated_at ?? null,
    contentType: entry.content_type ?? null,
    filename: entry.filename ?? null,
  }
}

export function toStored(entry: ManifestEntry): StoredEntry {
  return { entry, storedIn: 'sqlite', pending: false }
}
