export { createSqliteBackend } from './sqlite-backend.ts'
export type { SqliteComponents } from './sqlite-backend.ts'
export { DEFAULT_BUSY_TIMEOUT_MS } from './sqlite-settings.ts'
export type { SqliteSettings } from './sqlite-settings.ts'
