import {
  collectBytes,
  decodePathPart,
  hasErrorCode,
  manageBackend,
  parseDataKey,
  recordEtag,
  UmbraError,
  withRetry,
} from '@umbra/core'
import type {
  BlobWriteOptions,
  ObjectInfo,
  Page,
  PresignOptions,
  RecordRows,
  SearchOptions,
  StorageManager,
  StorageRecord,
  StoreRequest,
} from '@umbra/core'
import { openR2 } from './create-r2-backend.ts'
import type { OpenedR2, R2Components } from './create-r2-backend.ts'
import { fromEtagHeader } from './objects/etag-header.ts'
import { createParquetCodec } from './parquet/parquet-codec.ts'
import type { R2Settings } from './r2-settings.ts'

export interface UploadRequest extends Pick<StoreRequest, 'module' | 'userId' | 'id' | 'metadata'> {
  readonly data: RecordRows
}

/**
 * The original system's direct calls on one bucket. For everything else, and for other backends, use the
 * {@link R2StorageManager.storage} it is built on.
 */
export interface R2StorageManager {
  readonly storage: StorageManager
  /** Stores rows as one JSON lines object with its manifest entry. */
  uploadJsonlData(request: UploadRequest): Promise<StorageRecord>
  /** Stores rows as one Parquet object with its manifest entry. */
  uploadParquetData(request: UploadRequest): Promise<StorageRecord>
  /** Stores a JSON value under a key, outside every manifest. */
  uploadJsonBlob(
    key: string,
    data: unknown,
    options?: BlobWriteOptions,
  ): Promise<{ readonly etag: string; readonly size: number }>
  /** The bytes of any object, or null when there is none. */
  downloadData(key: string): Promise<Uint8Array | null>
  /** A link that downloads a record's current revision with a plain GET. */
  generatePresignedUrl(storageKey: string, options?: PresignOptions): Promise<string>
  /**
   * Whether the object at `key` is no longer the one with this object ETag. Only a question: by the time the answer is
   * here it may be outdated. The safe way is `ifMatch` on the write itself.
   */
  checkEtagConflict(key: string, expectedEtag: string): Promise<boolean>
  searchData(
    module: string,
    userId: string,
    query: string,
    options?: SearchOptions,
  ): Promise<Page<StorageRecord>>
  /** Every object below a folder, e.g. `finance/user123/`, in key order. The empty prefix lists the bucket. */
  listObjects(prefix: string): AsyncIterable<ObjectInfo>
  /**
   * Deletes a record's object together with its manifest entry, or a blob. Resolves to false when there was none.
   * Rejects with `INVALID_INPUT` for any other key: manifests are never deleted.
   */
  deleteObject(key: string): Promise<boolean>
  close(): Promise<void>
}

export async function createR2StorageManager(
  settings: R2Settings,
  components: R2Components = {},
): Promise<R2StorageManager> {
  const r2 = await openR2(settings, components)
  const storage = manageBackend(r2.backend, { parquet: createParquetCodec() })
  const upload = (dataFormat: 'jsonl' | 'parquet') => (request: UploadRequest) =>
    storage.storeData({ ...request, data: { records: request.data }, dataFormat })

  return {
    storage,
    uploadJsonlData: upload('jsonl'),
    uploadParquetData: upload('parquet'),
    uploadJsonBlob: (key, data, options) => storage.putBlob(key, data, options),
    downloadData: (key) => downloadWhole(r2, key),
    generatePresignedUrl: (storageKey, options) => storage.generatePresignedUrl(storageKey, options),
    async checkEtagConflict(key, expectedEtag) {
      const found = await withRetry(() => r2.objects.head(key), r2.retry)
      return found?.etag !== fromEtagHeader(expectedEtag)
    },
    searchData: (module, userId, query, options) => storage.searchData(module, userId, query, options),
    listObjects: (prefix) => r2.objects.list(prefix, prefix === '' ? { partialPrefix: true } : {}),
    deleteObject: (key) => deleteObject(r2, storage, key),
    close: () => storage.close(),
  }
}

async function downloadWhole(r2: OpenedR2, key: string): Promise<Uint8Array | null> {
  return withRetry(async () => {
    const found = await r2.objects.get(key)
    if (found?.kind !== 'found') return null
    const bytes = await collectBytes(found.body)
    // What a deleted blob leaves behind.
    return key.startsWith('json_blobs/') && bytes.byteLength === 0 ? null : bytes
  }, r2.retry)
}

async function deleteObject(r2: OpenedR2, storage: StorageManager, key: string): Promise<boolean> {
  const blob = /^json_blobs\/(.+)\.json$/.exec(key)?.[1]
  if (blob !== undefined) return storage.deleteBlob(blob.split('/').map(decodeBlobPart).join('/'))
  const owner = parseDataKey(key)
  if (owner === undefined) {
    throw new UmbraError(
      'INVALID_INPUT',
      "key must be a record's storageKey or a blob's; nothing else is deleted by hand",
      {
        details: { field: 'key' },
      },
    )
  }
  const current = await r2.backend.getEntry(owner.namespace, owner.id)
  if (current?.entry.key !== key) return false
  const { module, userId } = owner.namespace
  try {
    return await storage.deleteData(module, userId, owner.id, { ifMatch: recordEtag(current.entry) })
  } catch (error) {
    // Another writer put a newer revision there; the object that was named is not current any more.
    if (hasErrorCode(error, 'PRECONDITION_FAILED')) return false
    throw error
  }
}

function decodeBlobPart(part: string): string {
  const decoded = decodePathPart(part)
  if (decoded === undefined)
    throw new UmbraError('INVALID_INPUT', 'key is not one this library makes', { details: { field: 'key' } })
  return decoded
}
