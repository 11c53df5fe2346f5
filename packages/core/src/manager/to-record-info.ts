import type { StoredEntry } from '../backend/storage-backend.ts'
import type { DataFormat } from '../records/data-format.ts'
import { recordEtag } from '../records/record-etag.ts'
import type { StorageRecordInfo } from '../records/storage-record.ts'

const CONTENT_TYPES: Readonly<Record<DataFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  binary: 'application/octet-stream',
}

export function toRecordInfo({ entry, storedIn, pending, stale }: StoredEntry): StorageRecordInfo {
  return {
    id: entry.id,
    module: entry.module,
    userId: entry.user_id,
    dataFormat: entry.data_type,
    timestamp: entry.timestamp,
    updatedAt: entry.updated_at ?? entry.timestamp,
    storageBackend: storedIn,
    storageKey: entry.key,
    etag: recordEtag(entry),
    revision: entry.rev,
    size: entry.size,
    recordCount: entry.record_count,
    metadata: entry.metadata,
    contentType: contentTypeOf(entry),
    filename: entry.filename ?? null,
    pending,
    searchTruncated: entry.text_truncated === true,
    ...(stale !== undefined && { stale }),
  }
}

export function contentTypeOf(entry: {
  readonly data_type: DataFormat
  readonly content_type?: string
}): string {
  return entry.content_type ?? CONTENT_TYPES[entry.data_type]
}
