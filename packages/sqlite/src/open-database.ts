import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { UmbraError } from '@umbra/core'
import type { Clock } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { applyMigrations } from './apply-migrations.ts'
import { isBusy, toUmbraError } from './sqlite-error.ts'
import { DEFAULT_BUSY_TIMEOUT_MS } from './sqlite-settings.ts'
import type { SqliteSettings } from './sqlite-settings.ts'

export interface OpenDatabase {
  readonly connection: BetterSqlite3.Database
  /** The same connection through Drizzle. */
  readonly db: BetterSQLite3Database
}

/** Values of `PRAGMA synchronous`: https://www.sqlite.org/pragma.html#pragma_synchronous */
const SYNCHRONOUS = { full: 2, relaxed: 1 } as const
const LOCKED_RETRY_MS = 10

/**
 * Opens the file, creating it and its directory when missing, and brings it up to date.
 *
 * @param trace - told every statement before it runs
 * @throws `CONFIGURATION` when it cannot be opened or written or is of a newer version, `CORRUPT` when it is no database.
 */
export async function openDatabase(
  settings: SqliteSettings,
  clock: Clock,
  trace?: (statement: string) => void,
): Promise<OpenDatabase> {
  createDirectory(dirname(settings.path))
  const timeout = settings.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS
  let connection: BetterSqlite3.Database | undefined
  try {
    const verbose = trace && ((statement: unknown) => trace(String(statement)))
    connection = new BetterSqlite3(settings.path, { timeout, ...(verbose && { verbose }) })
    await enableWal(connection, clock, timeout)
    setPragmas(connection, settings.durability ?? 'full')
    applyMigrations(connection)
    return { connection, db: drizzle(connection) }
  } catch (error) {
    connection?.close()
    throw toUmbraError(error)
  }
}

function createDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    throw new UmbraError('CONFIGURATION', 'the directory of the database cannot be created; check the path', {
      cause,
    })
  }
}

/** Changing the journal mode does not wait for the busy timeout, so two processes opening a fresh file need this. */
async function enableWal(connection: BetterSqlite3.Database, clock: Clock, timeoutMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOCKED_RETRY_MS) {
    try {
      const mode: unknown = connection.pragma('journal_mode = WAL', { simple: true })
      if (mode === 'wal') return
      throw new UmbraError(
        'CONFIGURATION',
        'the file system of the database has no shared memory; use a local disk',
      )
    } catch (error) {
      if (!isBusy(error) || waitedMs >= timeoutMs) throw error
    }
    await clock.sleep(LOCKED_RETRY_MS)
  }
}

function setPragmas(connection: BetterSqlite3.Database, durability: keyof typeof SYNCHRONOUS): void {
  connection.pragma('foreign_keys = ON')
  // Said aloud and checked: better-sqlite3 is compiled so that WAL silently lowers FULL to NORMAL.
  connection.pragma(`synchronous = ${SYNCHRONOUS[durability]}`)
  if (connection.pragma('synchronous', { simple: true }) !== SYNCHRONOUS[durability]) {
    throw new UmbraError('INTERNAL', 'sqlite did not take the durability setting')
  }
}
