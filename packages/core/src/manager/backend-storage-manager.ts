import type { PinnedSnapshot } from '../backend/consistency.ts'
import type * as pending from '../backend/pending-writes.ts'
import type { BackendHealth } from '../backend/storage-backend.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { InFlight } from '../in-flight.ts'
import type { Page } from '../page.ts'
import type { StorageRecord, StorageRecordInfo } from '../records/storage-record.ts'
import { BlobManager } from './blob-manager.ts'
import { importRecords } from './import-records.ts'
import { storeEncoded } from './store-encoded.ts'
import {
  deleteOptionsSchema,
  importOptionsSchema,
  infoOptionsSchema,
  listOptionsSchema,
  namespaceSchema,
  openOptionsSchema,
  recordAddressSchema,
  resolutionSchema,
  retrieveOptionsSchema,
  searchOptionsSchema,
  storeRequestSchema,
  syncOptionsSchema,
  updateRequestSchema,
} from './input-schemas.ts'
import type { ManagerContext } from './manager-context.ts'
import { NOTHING_PENDING } from './nothing-pending.ts'
import { parseInput } from './parse-input.ts'
import { presignRecord } from './presign-record.ts'
import { toByteRange, toExpression } from './read-arguments.ts'
import { RecordReader, toEntryQuery } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import { stepwise } from './stepwise.ts'
import type { OpenedRecord, StorageInfo, StorageManager, StoredBlobValue } from './storage-manager.ts'
import type * as options from './store-options.ts'
import { toRecordInfo } from './to-record-info.ts'
import { UploadManager } from './upload-manager.ts'

/** Checks every argument, then hands on to the part that does the work. */
export class BackendStorageManager implements StorageManager {
  readonly #context: ManagerContext
  readonly #reader: RecordReader
  readonly #writer: RecordWriter
  readonly #blobs: BlobManager
  readonly #uploads: UploadManager
  readonly #pending: pending.PendingWrites
  readonly #inFlight = new InFlight()
  #closing: Promise<void> | undefined

  constructor(context: ManagerContext) {
    this.#context = context
    this.#reader = new RecordReader(context)
    this.#writer = new RecordWriter(context, this.#reader)
    this.#blobs = new BlobManager(context)
    this.#uploads = new UploadManager(context, this.#writer)
    this.#pending = context.backend.pendingWrites ?? NOTHING_PENDING
  }

  storeData(request: options.StoreRequest): Promise<StorageRecord> {
    return this.#run(async () => {
      const [record] = await storeEncoded(this.#writer, [parseInput(storeRequestSchema, request)])
      if (record === undefined) throw new UmbraError('INTERNAL', 'a stored record is missing from the result')
      return record
    })
  }

  storeMany(requests: readonly options.StoreRequest[]): Promise<StorageRecord[]> {
    return this.#run(async () => storeEncoded(this.#writer, parseInput(storeRequestSchema.array(), requests)))
  }

  importData(
    module: string,
    userId: string,
    requests: Parameters<StorageManager['importData']>[2],
    options: options.ImportOptions = {},
  ): Promise<options.ImportReport> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const { onProgress } = parseInput(importOptionsSchema, options)
      const { backend } = this.#context
      return importRecords({ backend, writer: this.#writer, namespace, onProgress }, requests)
    })
  }

  retrieveData(
    module: string,
    userId: string,
    recordId: string,
    options?: options.RetrieveOptions,
  ): Promise<StorageRecord | null>
  retrieveData(
    module: string,
    userId: string,
    recordId?: undefined,
    options?: options.RetrieveOptions,
  ): Promise<StorageRecord[]>
  retrieveData(
    module: string,
    userId: string,
    recordId?: string,
    options: options.RetrieveOptions = {},
  ): Promise<StorageRecord | StorageRecord[] | null> {
    return this.#run(async () => {
      const reading = parseInput(retrieveOptionsSchema, options)
      if (recordId === undefined)
        return this.#reader.readAll(parseInput(namespaceSchema, { module, userId }), reading)
      const address = parseInput(recordAddressSchema, { module, userId, recordId })
      return this.#reader.read(address, address.recordId, reading)
    })
  }

  retrieveInfo(
    module: string,
    userId: string,
    recordId: string,
    options: options.InfoOptions = {},
  ): Promise<StorageRecordInfo | null> {
    return this.#run(async () => {
      const address = parseInput(recordAddressSchema, { module, userId, recordId })
      const reading = parseInput(infoOptionsSchema, options)
      const stored = await this.#context.backend.getEntry(address, address.recordId, reading)
      return stored === undefined ? null : toRecordInfo(stored)
    })
  }

  listData(module: string, userId: string, options: options.ListOptions = {}): Promise<Page<StorageRecord>> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const parsed = parseInput(listOptionsSchema, options)
      return this.#reader.page(namespace, toEntryQuery(parsed, 'oldest'), parsed)
    })
  }

  listEntries(
    module: string,
    userId: string,
    options: options.ListOptions = {},
  ): Promise<Page<StorageRecordInfo>> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const parsed = parseInput(listOptionsSchema, options)
      return this.#reader.entries(namespace, toEntryQuery(parsed, 'oldest'), parsed)
    })
  }

  async *iterateData(
    module: string,
    userId: string,
    options: options.ListOptions = {},
  ): AsyncGenerator<StorageRecord, void, undefined> {
    this.#assertOpen()
    const namespace = parseInput(namespaceSchema, { module, userId })
    const parsed = parseInput(listOptionsSchema, options)
    const records = this.#reader.iterate(namespace, toEntryQuery(parsed, 'oldest'), parsed)
    yield* stepwise(records, (step) => this.#run(step))
  }

  openData(
    module: string,
    userId: string,
    recordId: string,
    options: Parameters<StorageManager['openData']>[3] = {},
  ): Promise<OpenedRecord | null> {
    return this.#run(async () => {
      const address = parseInput(recordAddressSchema, { module, userId, recordId })
      const { range, ...reading } = parseInput(openOptionsSchema, options)
      return this.#reader.open(address, address.recordId, {
        ...reading,
        range: range && toByteRange(range),
      })
    })
  }

  async *iterateRows(
    module: string,
    userId: string,
    recordId: string,
    options: options.RetrieveOptions = {},
  ): AsyncGenerator<unknown, void, undefined> {
    this.#assertOpen()
    const address = parseInput(recordAddressSchema, { module, userId, recordId })
    const reading = parseInput(retrieveOptionsSchema, options)
    yield* stepwise(this.#reader.rows(address, address.recordId, reading), (step) => this.#run(step))
  }

  updateData(request: options.UpdateRequest): Promise<StorageRecord> {
    return this.#run(async () => this.#writer.update(parseInput(updateRequestSchema, request)))
  }

  deleteData(
    module: string,
    userId: string,
    recordId: string,
    options: options.DeleteOptions = {},
  ): Promise<boolean> {
    return this.#run(async () => {
      const address = parseInput(recordAddressSchema, { module, userId, recordId })
      return this.#writer.delete(address, address.recordId, parseInput(deleteOptionsSchema, options))
    })
  }

  searchData(
    module: string,
    userId: string,
    query: string,
    options: options.SearchOptions = {},
  ): Promise<Page<StorageRecord>> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const { mode, ...parsed } = parseInput(searchOptionsSchema, options)
      return this.#reader.page(namespace, toEntryQuery(parsed, 'newest', toExpression(query, mode)), parsed)
    })
  }

  searchEntries(
    module: string,
    userId: string,
    query: string,
    options: options.SearchOptions = {},
  ): Promise<Page<StorageRecordInfo>> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const { mode, ...parsed } = parseInput(searchOptionsSchema, options)
      return this.#reader.entries(
        namespace,
        toEntryQuery(parsed, 'newest', toExpression(query, mode)),
        parsed,
      )
    })
  }

  generatePresignedUrl(storageKey: string, options: options.PresignOptions = {}): Promise<string> {
    return this.#run(() => presignRecord(this.#context.backend, storageKey, options))
  }

  createUpload(request: options.PresignUploadRequest): Promise<{ uploadId: string; url: string }> {
    return this.#run(() => this.#uploads.create(request))
  }

  finalizeUpload(request: options.FinalizeUploadRequest): Promise<StorageRecordInfo> {
    return this.#run(() => this.#uploads.finalize(request))
  }

  putBlob(
    key: string,
    value: unknown,
    options: options.BlobWriteOptions = {},
  ): ReturnType<StorageManager['putBlob']> {
    return this.#run(() => this.#blobs.put(key, value, options))
  }

  getBlob(key: string, options: options.BlobReadOptions = {}): Promise<StoredBlobValue | null> {
    return this.#run(() => this.#blobs.get(key, options))
  }

  deleteBlob(key: string, options: { readonly ifMatch?: string } = {}): Promise<boolean> {
    return this.#run(() => this.#blobs.delete(key, options))
  }

  pinSnapshot(module: string, userId: string): Promise<PinnedSnapshot> {
    return this.#run(async () => {
      const namespace = parseInput(namespaceSchema, { module, userId })
      const { pins, capabilities } = this.#context.backend
      if (pins !== undefined) return pins.pin(namespace)
      const capability = capabilities.snapshots
      const reason = capability === true ? 'not available' : capability.missing
      throw new UmbraError('UNSUPPORTED', `snapshots: ${reason}`, { details: { capability: 'snapshots' } })
    })
  }

  releaseSnapshot(snapshot: string): void {
    this.#context.backend.pins?.release(snapshot)
  }

  getStorageInfo(): Promise<StorageInfo> {
    const { name: backend, capabilities } = this.#context.backend
    return this.#run(async () => ({ backend, capabilities }))
  }

  health(): Promise<BackendHealth> {
    return this.#run(() => this.#context.backend.health())
  }

  sync(options: pending.SyncOptions = {}): Promise<{ readonly pending: number }> {
    const { ending } = this.#inFlight
    return this.#run(async () => this.#pending.sync(parseInput(syncOptionsSchema, options), ending))
  }

  conflicts(): Promise<readonly pending.WriteConflict[]> {
    return this.#run(() => this.#pending.conflicts())
  }

  resolveConflict(id: string, action: 'retry' | 'discard'): Promise<void> {
    return this.#run(async () => {
      parseInput(resolutionSchema, { id, action })
      return this.#pending.resolve(id, action)
    })
  }

  on<E extends pending.StorageEvent>(
    event: E,
    listener: (about: pending.StorageEvents[E]) => void,
  ): () => void {
    return this.#pending.on(event, listener)
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish(): Promise<void> {
    await this.#inFlight.end()
    try {
      await this.#context.backend.close()
    } finally {
      await this.#context.parquet.close()
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined)
      throw new UmbraError('INVALID_INPUT', 'the storage is closed; open a new one')
  }

  /** Refuses work after `close`, and lets `close` wait for what is running. */
  async #run<T>(operation: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#inFlight.track(operation())
  }
}
