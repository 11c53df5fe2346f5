import type { LinkSettings } from '@umbra/core'

/** Where the database is and how it behaves. */
export interface SqliteSettings {
  /** The database file; it and its directory are created when missing. Not on a network file system: WAL needs shared memory. */
  readonly path: string
  /**
   * `full` (default): a write is on the disk before it is acknowledged. `relaxed`: it is written at the next checkpoint,
   * so a power failure or a crash of the operating system may lose the last acknowledged writes; the file stays
   * consistent, and a crash of the process alone loses nothing.
   */
  readonly durability?: 'full' | 'relaxed'
  /** How long a write waits for other processes' writes before it rejects with `UNAVAILABLE`, milliseconds. Default 5,000. */
  readonly busyTimeoutMs?: number
  /** Without it there are no download links. */
  readonly links?: LinkSettings
}

export const DEFAULT_BUSY_TIMEOUT_MS = 5_000
