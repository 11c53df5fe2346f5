export type {
  BlobExpectation,
  BlobInfo,
  BlobReading,
  BlobStore,
  NamedWrite,
  StoredBlob,
} from './backend/blob-store.ts'
export { NEVER_WRITTEN } from './backend/blob-store.ts'
export type { Capability, StorageCapabilities } from './backend/capabilities.ts'
export {
  committedEntry,
  nextRevision,
  revisionKey,
  tombstone,
  uniqueRevisionKey,
} from './backend/apply-mutation.ts'
export type { StoredObject } from './backend/apply-mutation.ts'
export { blobEtag } from './backend/blob-etag.ts'
export { blobChanged, checkBlobExpectation } from './backend/check-blob-expectation.ts'
export { checkMayApply } from './backend/check-may-apply.ts'
export { checkAgainstSeen, checkExpectation } from './backend/check-expectation.ts'
export { decodeCursor, encodeCursor } from './backend/cursor.ts'
export { compareCodePoints, compareEntries, isAfter } from './backend/entry-order.ts'
export { selectEntries } from './backend/select-entries.ts'
export { matchesSearch } from './search/match-entry.ts'
export { parseSearch } from './search/parse-search.ts'
export { tokenize } from './search/tokenizer.ts'
export { importInBatches } from './manager/import-in-batches.ts'
export { manageBackend } from './manager/manage-backend.ts'
export type { ManagerComponents } from './manager/manage-backend.ts'
export { encodeRecord } from './manager/encode-record.ts'
export type { EncodedRecord, RevisionDescription } from './manager/encode-record.ts'
export { DEFAULT_LIMITS } from './manager/limits.ts'
export type { StorageLimits } from './manager/limits.ts'
export { contentTypeOf } from './manager/to-record-info.ts'
export { createMemoryBackend } from './memory/memory-backend.ts'
export { parseInput } from './manager/parse-input.ts'
export type {
  CheckOptions,
  CheckReport,
  CollectReport,
  CompactReport,
  MaintenanceOptions,
  NamespaceMaintenance,
  NamespaceProblem,
  RebuildReport,
} from './backend/namespace-maintenance.ts'
export type { BasedEntry, BaseVersions } from './backend/base-versions.ts'
export type { BulkImport } from './backend/bulk-import.ts'
export { ANY_AGE } from './backend/consistency.ts'
export type { Consistency, PinnedSnapshot, ReadOptions, SnapshotPins } from './backend/consistency.ts'
export type {
  NumberedCommits,
  NumberedOperation,
  NumberedOutcome,
  NumberedRequest,
  NumberedResult,
  WriterMark,
} from './backend/numbered-commits.ts'
export { recordAddressSchema } from './manager/input-schemas.ts'
export { parseMetadata } from './manager/record-metadata.ts'
export type { EntryPosition, EntryQuery } from './backend/entry-query.ts'
export { isMinted, mutationId } from './backend/mutation.ts'
export type { DeleteMutation, Expectation, Mutation, PutMutation } from './backend/mutation.ts'
export type {
  BackendHealth,
  BackendName,
  PresignDownloadOptions,
  StorageBackend,
  StoredEntry,
} from './backend/storage-backend.ts'
export type {
  OutboxHealth,
  PendingWrites,
  StorageEvent,
  StorageEvents,
  SyncOptions,
  WriteConflict,
} from './backend/pending-writes.ts'
export type { Deletion, ListedBlob, StoreInventory } from './backend/store-inventory.ts'
export type { PresignUploadOptions, StagedUpload, UploadStaging } from './backend/upload-staging.ts'
export { spoolBody } from './bodies/body-spool.ts'
export { collectBytes } from './bodies/collect-bytes.ts'
export { createMemoryBody } from './bodies/memory-body.ts'
export { oneChunk } from './bodies/one-chunk.ts'
export type { ByteRange, RecordBody } from './bodies/record-body.ts'
export { verifiedStream } from './bodies/verified-stream.ts'
export type { Clock } from './clock.ts'
export { ERROR_CODES } from './errors/error-codes.ts'
export type { ErrorCode } from './errors/error-codes.ts'
export { recordNotDeleted, recordNotFound, recordOnItsWay, recordsExist } from './errors/record-errors.ts'
export { hasErrorCode, isUmbraError, UmbraError } from './errors/umbra-error.ts'
export type { ErrorDetails, UmbraErrorOptions } from './errors/umbra-error.ts'
export { decodeJsonLines } from './formats/json-lines.ts'
export type { ParquetCodec, ParquetRow } from './formats/parquet-codec.ts'
export { createIdSource } from './id-source.ts'
export type { IdSource } from './id-source.ts'
export { InFlight } from './in-flight.ts'
export type { JsonObject, JsonPrimitive, JsonValue } from './json.ts'
export {
  blobKey,
  BLOBS_PREFIX,
  dataKey,
  headKey,
  MANIFESTS_PREFIX,
  MAX_KEY_BYTES,
  namespacePath,
  parseDataKey,
  partsPrefix,
  RESERVED_MODULES,
  uploadKey,
} from './keys/key-paths.ts'
export type { DataKeyParts } from './keys/key-paths.ts'
export { decodePathPart, encodePathPart } from './keys/path-part.ts'
export { signLink, verifyLink } from './links/signed-link.ts'
export type { LinkGrant, LinkSettings } from './links/signed-link.ts'
export { firstLineOf, headContentType } from './manifest/head-compression.ts'
export { parseHead } from './manifest/parse-head.ts'
export { corruptManifest } from './manifest/parse-head.ts'
export { planCommit } from './manifest/plan-commit.ts'
export type {
  BaseVersion,
  CommitContext,
  CommitPlan,
  ManifestOperation,
  OperationOutcome,
  UploadedRevision,
} from './manifest/plan-commit.ts'
export { renderHead } from './manifest/render-head.ts'
export { toManifestLine } from './manifest/manifest-head.ts'
export type { HeadHeader, ManifestHead, ManifestLine, Watermark } from './manifest/manifest-head.ts'
export type { OpenedRecord, StorageInfo, StorageManager, StoredBlobValue } from './manager/storage-manager.ts'
export type {
  BinaryData,
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
  ReadConsistency,
  RecordRows,
  RetrieveOptions,
  SearchOptions,
  StoreRequest,
  UpdateRequest,
} from './manager/store-options.ts'
export type {
  DeleteFailure,
  DeleteOutcome,
  FoundObject,
  GetOptions,
  ListObjectsOptions,
  NotModified,
  ObjectBody,
  ObjectHead,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './objects/object-store.ts'
export type { AppendedRun } from './manifest/appended-run.ts'
export type { GarbagePointer, PartPointer } from './manifest/part-pointer.ts'
export { applySwap } from './manifest/part-swap.ts'
export type { MergedParts, PartSwap, SealedTail } from './manifest/part-swap.ts'
export { MAX_WRITERS } from './manifest/retain-watermarks.ts'
export { CLOCK_SKEW_MS, isFreshUpload } from './manifest/upload-freshness.ts'
export { rollHash } from './manifest/rolling-hash.ts'
export { addSums, entryDigest, EMPTY_SUM, sumEntries, subtractSums } from './manifest/live-sum.ts'
export type { LiveSum } from './manifest/live-sum.ts'
export type { Staleness } from './staleness.ts'
export type { Page } from './page.ts'
export { DATA_FORMATS } from './records/data-format.ts'
export type { DataFormat } from './records/data-format.ts'
export type { EntryDraft, ManifestEntry } from './records/manifest-entry.ts'
export type { Namespace } from './records/namespace.ts'
export { etagRevision, isRecordEtag, recordEtag } from './records/record-etag.ts'
export type { StorageLocation, StorageRecord, StorageRecordInfo } from './records/storage-record.ts'
export { DEFAULT_RETRY_POLICY, retryDelayMs } from './retry/retry-policy.ts'
export type { RetryPolicy } from './retry/retry-policy.ts'
export { withRetry } from './retry/with-retry.ts'
export type { RetryContext } from './retry/with-retry.ts'
export { createEntryText } from './search/entry-text.ts'
export type {
  SearchExpression,
  SearchTerm,
  SubstringExpression,
  TokenExpression,
} from './search/search-expression.ts'
export { missingR2Variables, parseSettings } from './settings/parse-settings.ts'
export type { Environment, SettingProblem } from './settings/parse-settings.ts'
export type {
  CacheEnvironment,
  R2Environment,
  SqliteEnvironment,
  StorageSettings,
} from './settings/storage-settings.ts'
export { systemClock } from './system-clock.ts'
