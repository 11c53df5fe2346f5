import { systemClock, UmbraError } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { openDatabase } from './open-database.ts'
import { toCommitError, toUmbraError } from './sqlite-error.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

function failureOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('it should have failed')
}

const INSERT = "insert into blobs (path, etag, bytes) values ('p', 'e', zeroblob(100000))"

it('calls a database that others keep locked unavailable', async () => {
  const path = await newDatabasePath()
  const first = await openDatabase({ path }, systemClock)
  const second = await openDatabase({ path, busyTimeoutMs: 1 }, systemClock)
  first.connection.exec('begin immediate')
  const error = toUmbraError(failureOf(() => second.connection.exec('begin immediate')))
  expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  expect(error.message).toContain('busy timeout')
  first.connection.close()
  second.connection.close()
})

it('calls a full disk unavailable', async () => {
  const { connection } = await openDatabase({ path: await newDatabasePath() }, systemClock)
  connection.pragma('max_page_count = 1')
  const error = toUmbraError(failureOf(() => connection.exec(INSERT)))
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('disk is full') })
  connection.close()
})

it('calls a database that cannot be written wrongly configured', async () => {
  const path = await newDatabasePath()
  const { connection } = await openDatabase({ path }, systemClock)
  const readOnly = new BetterSqlite3(path, { readonly: true })
  expect(toUmbraError(failureOf(() => readOnly.exec(INSERT))).code).toBe('CONFIGURATION')
  readOnly.close()
  connection.close()
})

it('names neither the statement nor its values, also when Drizzle does', async () => {
  const { connection, db } = await openDatabase({ path: await newDatabasePath() }, systemClock)
  connection.exec(INSERT)
  const failure = failureOf(() =>
    db.run(sql`insert into blobs (path, etag, bytes) values ('p', ${'secret'}, x'')`),
  )
  const error = toUmbraError(failure)
  expect(error).toMatchObject({ code: 'INTERNAL', details: { sqliteCode: 'SQLITE_CONSTRAINT_PRIMARYKEY' } })
  expect(`${error.message} ${String(error.cause)}`).not.toMatch(/insert|secret/)
  connection.close()
})

it('passes on our own errors', () => {
  const ours = new UmbraError('NOT_FOUND', 'nothing here')
  expect(toUmbraError(ours)).toBe(ours)
})

it('does not know the outcome of a commit during which the disk failed', () => {
  const failedSync = new BetterSqlite3.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC')
  expect(toCommitError(failedSync).code).toBe('OUTCOME_PENDING')
  expect(toUmbraError(failedSync).code).toBe('UNAVAILABLE')
  expect(toCommitError(new BetterSqlite3.SqliteError('full', 'SQLITE_FULL')).code).toBe('UNAVAILABLE')
})
