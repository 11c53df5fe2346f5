export { createSqliteBackend } from './sqlite-backend.ts'
export type { SqliteComponents } from './sqlite-backend.ts'
export { DEFAULT_BUSY_TIMEOUT_MS } from './sqlite-settings.ts'
export type { SqliteSettings } from './sqlite-settings.ts'
export { openOutbox } from './outbox/outbox.ts'
export type {
  Appended,
  BlobWrite,
  DecidedOperation,
  Decision,
  Lane,
  LaneBacklog,
  LaneLease,
  ListedOperation,
  Outbox,
  OutboxComponents,
  OutboxHolder,
  OutboxSettings,
  OutboxUsage,
  OutboxWrite,
  PendingBlob,
  QueuedOperation,
  QueuedVersion,
  Settled,
  UnseenChange,
} from './outbox/outbox-port.ts'
export { readTable } from './read-table.ts'
export type { ReadTableOptions, TableRow } from './read-table.ts'
