import { isUmbraError, UmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'

interface Translation {
  readonly code: ErrorCode
  readonly message: string
}

/** By primary result code: https://www.sqlite.org/rescode.html. Extended codes begin with their primary one. */
const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  SQLITE_BUSY: {
    code: 'UNAVAILABLE',
    message: 'other processes kept the database locked for longer than the busy timeout; try again',
  },
  SQLITE_FULL: { code: 'UNAVAILABLE', message: 'the disk is full; make room and try again' },
  SQLITE_IOERR: {
    code: 'UNAVAILABLE',
    message: 'the disk failed to read or write; try again, then check it',
  },
  SQLITE_READONLY: {
    code: 'CONFIGURATION',
    message: 'the database cannot be written; check the permissions of the file and its directory',
  },
  SQLITE_CANTOPEN: {
    code: 'CONFIGURATION',
    message: 'the database file cannot be opened; check the path and its permissions',
  },
  SQLITE_CORRUPT: { code: 'CORRUPT', message: 'the database file is damaged; restore it from a backup' },
  SQLITE_NOTADB: {
    code: 'CORRUPT',
    message: 'the file is not a sqlite database; check the path or restore a backup',
  },
}

/**
 * The one place where failures of SQLite become ours. The cause is the driver's own error: the one that Drizzle wraps
 * around it names the statement.
 */
export function toUmbraError(error: unknown): UmbraError {
  if (isUmbraError(error)) return error
  const cause = driverError(error)
  const code = sqliteCode(cause)
  const found = Object.entries(TRANSLATIONS).find(
    ([primary]) => code === primary || code?.startsWith(`${primary}_`),
  )
  if (found !== undefined)
    return new UmbraError(found[1].code, found[1].message, { cause, details: { sqliteCode: code } })
  return new UmbraError('INTERNAL', 'an unexpected failure in the sqlite backend', {
    cause,
    details: { sqliteCode: code },
  })
}

/**
 * The same for a COMMIT: when the disk fails while it runs, whether the changes will be there after a restart is unknown.
 */
export function toCommitError(error: unknown): UmbraError {
  const cause = driverError(error)
  if (sqliteCode(cause)?.startsWith('SQLITE_IOERR') !== true) return toUmbraError(error)
  return new UmbraError(
    'OUTCOME_PENDING',
    'the disk failed during a commit; read before repeating the write',
    { cause },
  )
}

/** Runs a read and translates its failure. */
export function translated<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw toUmbraError(error)
  }
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(driverError(error))?.startsWith('SQLITE_BUSY') ?? false
}

function driverError(error: unknown): unknown {
  const wrapped = error instanceof Error && sqliteCode(error) === undefined && error.cause !== undefined
  return wrapped ? driverError(error.cause) : error
}

function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return error.code.startsWith('SQLITE_') ? error.code : undefined
}
