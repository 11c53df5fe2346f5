export { importForeign } from './migration/foreign/import-foreign.ts'
export type { ImportOptions, ImportReport } from './migration/foreign/import-foreign.ts'
export type {
  ForeignBlob,
  ForeignRecord,
  ForeignSource,
  Reject,
  Rejection,
} from './migration/foreign/foreign-record.ts'
export { createFolderSource } from './migration/foreign/folder-source.ts'
export type { FolderSourceOptions } from './migration/foreign/folder-source.ts'
export { createOriginalBucketSource } from './migration/foreign/original-bucket-source.ts'
export type { ReadableBucket } from './migration/foreign/original-bucket-source.ts'
export { createTableSource } from './migration/foreign/table-source.ts'
export type { TableSourceOptions } from './migration/foreign/table-source.ts'
export type { MigrationOptions, MigrationProgress, MigrationScope } from './migration/migration-options.ts'
export type {
  MigrationCounts,
  MigrationFinding,
  MigrationReport,
  NamespaceReport,
} from './migration/migration-report.ts'
export { compareStores } from './migration/compare-stores.ts'
export type { CompareOptions } from './migration/compare-stores.ts'
export type {
  ComparisonCounts,
  ComparisonReport,
  DifferenceKind,
  StoreDifference,
} from './migration/comparison-report.ts'
export { migrateHalves } from './migrate-halves.ts'
export { runMigration } from './run-migration.ts'
export { verifyMigration } from './migration/verify-migration.ts'
export type { NamespaceVerification, SideSummary, VerificationReport } from './migration/verify-migration.ts'
