import type { StorageEvent, StorageEvents, SyncOptions, WriteConflict } from '../backend/pending-writes.ts'
import type { BackendHealth, BackendName } from '../backend/storage-backend.ts'
import type { PinnedSnapshot } from '../backend/consistency.ts'
import type { StorageCapabilities } from '../backend/capabilities.ts'
import type { ByteRange } from '../bodies/record-body.ts'
import type { JsonValue } from '../json.ts'
import type { Page } from '../page.ts'
import type { StorageRecord, StorageRecordInfo } from '../records/storage-record.ts'
import type { Staleness } from '../staleness.ts'
import type {
  BlobReadOptions,
  BlobWriteOptions,
  DeleteOptions,
  FinalizeUploadRequest,
  ImportOptions,
  ImportReport,
  ImportRequest,
  InfoOptions,
  ListOptions,
  PresignOptions,
  PresignUploadRequest,
  RetrieveOptions,
  SearchOptions,
  StoreRequest,
  UpdateRequest,
} from './store-options.ts'

export interface StoredBlobValue {
  readonly value: JsonValue
  /** Pass as `ifMatch`. The object's own ETag. */
  readonly etag: string
  /** Bytes. */
  readonly size: number
  /** Present when the value is durable locally but not yet applied to its backend, which was not asked. */
  readonly pending?: true
  /** Present when the store could not be asked and this is its copy (hybrid), so it may be out of date. */
  readonly stale?: Staleness
}

export interface OpenedRecord {
  readonly record: StorageRecordInfo
  /** The stored bytes (of the range), checked against the manifest's SHA-256 at the end of a whole read. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface StorageInfo {
  readonly backend: BackendName
  readonly capabilities: StorageCapabilities
}

/**
 * What an application holds. The same calls give the same answers on every backend.
 *
 * Reads see every write that was acknowledged, by any process, before the read began. Bad input rejects
 * with `INVALID_INPUT` (or `TOO_LARGE`) before any I/O. "Nothing found" is null, undefined or an empty page;
 * "could not look" is an error.
 */
export interface StorageManager {
  /** Stores a new record. Rejects with `ALREADY_EXISTS` when the given id is taken. */
  storeData(request: StoreRequest): Promise<StorageRecord>
  /** Stores many records of one module and user in one atomic commit: all of them or none. */
  storeMany(requests: readonly StoreRequest[]): Promise<StorageRecord[]>
  /**
   * Stores any number of new records of one module and user, in order and in bounded memory: requests are taken as they
   * can be stored. Each commit holds as many as the backend stores well at once (r2: 131,072), all of them or none.
   *
   * Rejects with `ALREADY_EXISTS` when given ids are taken or occur twice (`details.ids`), and as `storeData` does. Every
   * rejection says in `details.committed` how many of the requests are stored for good; go on with the ones after them.
   * After `OUTCOME_PENDING` those of one more commit may be.
   */
  importData(
    module: string,
    userId: string,
    requests: Iterable<ImportRequest> | AsyncIterable<ImportRequest>,
    options?: ImportOptions,
  ): Promise<ImportReport>
  /**
   * One record, or null when there is none with this id. A record says when the store could not be asked (`stale`); a null, as an
   * empty array, cannot. Where it must not be out of date, ask with `consistency: 'strong'`, which rejects with `UNAVAILABLE` during
   * an outage; `health()` tells whether there is one.
   */
  retrieveData(
    module: string,
    userId: string,
    recordId: string,
    options?: RetrieveOptions,
  ): Promise<StorageRecord | null>
  /** All records of a namespace, oldest first. Use {@link iterateData} when they may not fit in memory. */
  retrieveData(
    module: string,
    userId: string,
    recordId?: undefined,
    options?: RetrieveOptions,
  ): Promise<StorageRecord[]>
  /** What is known of a record, without its data; or null, of which the same holds as of {@link retrieveData}'s. */
  retrieveInfo(
    module: string,
    userId: string,
    recordId: string,
    options?: InfoOptions,
  ): Promise<StorageRecordInfo | null>
  /** One page of records with their data. */
  listData(module: string, userId: string, options?: ListOptions): Promise<Page<StorageRecord>>
  /** One page of records without downloading their bodies. */
  listEntries(module: string, userId: string, options?: ListOptions): Promise<Page<StorageRecordInfo>>
  /** Every record of a namespace, page by page, oldest first by default. */
  iterateData(module: string, userId: string, options?: ListOptions): AsyncIterable<StorageRecord>
  /** A record's info and its body as a stream, or null. `range` in bytes. */
  openData(
    module: string,
    userId: string,
    recordId: string,
    options?: RetrieveOptions & { readonly range?: ByteRange },
  ): Promise<OpenedRecord | null>
  /** The rows of a `jsonl` or `parquet` record in bounded memory. Rejects with `NOT_FOUND`, or `UNSUPPORTED` for other formats. */
  iterateRows(
    module: string,
    userId: string,
    recordId: string,
    options?: RetrieveOptions,
  ): AsyncIterable<unknown>
  /** Replaces a record's data by a new revision. Rejects with `NOT_FOUND` or, given `ifMatch`, `PRECONDITION_FAILED`. */
  updateData(request: UpdateRequest): Promise<StorageRecord>
  /** Deletes a record. Resolves to false when there was none. Rejects, given `ifMatch`, with `PRECONDITION_FAILED`. */
  deleteData(module: string, userId: string, recordId: string, options?: DeleteOptions): Promise<boolean>
  /** Records whose text matches, newest first by default, with their data. */
  searchData(
    module: string,
    userId: string,
    query: string,
    options?: SearchOptions,
  ): Promise<Page<StorageRecord>>
  /** The same without downloading bodies. */
  searchEntries(
    module: string,
    userId: string,
    query: string,
    options?: SearchOptions,
  ): Promise<Page<StorageRecordInfo>>
  /** A link that downloads the current revision at `storageKey` with a plain GET. */
  generatePresignedUrl(storageKey: string, options?: PresignOptions): Promise<string>
  /** A link that accepts one file with a plain PUT into the holding area; {@link finalizeUpload} makes it a record. */
  createUpload(request: PresignUploadRequest): Promise<{ readonly uploadId: string; readonly url: string }>
  /** Makes an uploaded file a `binary` record whose id is the upload's. Calling it again returns the same record. */
  finalizeUpload(request: FinalizeUploadRequest): Promise<StorageRecordInfo>
  /** Stores a JSON value under a key. Rejects with `PRECONDITION_FAILED` when a condition does not hold. */
  putBlob(
    key: string,
    value: unknown,
    options?: BlobWriteOptions,
  ): Promise<{ readonly etag: string; readonly size: number; readonly pending?: true }>
  /**
   * The value under a key, or null. During an outage a null carries no flag: where it must not be out of date, ask with
   * `consistency: 'strong'`. Rejects with `UNAVAILABLE` when the store does not answer and there is nothing else to tell.
   */
  getBlob(key: string, options?: BlobReadOptions): Promise<StoredBlobValue | null>
  /** Resolves to false when there was none, and to true where the deletion is pending and nobody knows. */
  deleteBlob(key: string, options?: { readonly ifMatch?: string }): Promise<boolean>
  /**
   * Keeps the present version of a namespace readable, however much is written: pass `snapshot` as `consistency` to reads.
   * It costs memory until it is released. Rejects with `UNSUPPORTED` where the backend keeps one version only (sqlite).
   */
  pinSnapshot(module: string, userId: string): Promise<PinnedSnapshot>
  /** Safe to call twice. */
  releaseSnapshot(snapshot: string): void
  getStorageInfo(): Promise<StorageInfo>
  health(): Promise<BackendHealth>
  /** Sends what is pending now, and waits until nothing is, the time is over or `close` is called. Resolves to how much still is. */
  sync(options?: SyncOptions): Promise<{ readonly pending: number }>
  /** Writes that were refused after they had been reported as pending, oldest first. */
  conflicts(): Promise<readonly WriteConflict[]>
  /**
   * `retry` queues the write again, over the version that is current now; `discard` drops it for good. Rejects with
   * `NOT_FOUND` when no conflict has this id.
   */
  resolveConflict(id: string, action: 'retry' | 'discard'): Promise<void>
  /**
   * Calls the listener at every such event, until the returned function is called. What `degraded` has told of and is not over a new
   * listener is told as well, right after this returns: also who opens the storage during an outage hears of it.
   */
  on<E extends StorageEvent>(event: E, listener: (about: StorageEvents[E]) => void): () => void
  /** Finishes running writes and frees everything. Safe to call twice; later calls of other methods reject. */
  close(): Promise<void>
}
