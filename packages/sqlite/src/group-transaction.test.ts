import { systemClock, UmbraError } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import type { Database } from 'better-sqlite3'
import { expect, it } from 'vitest'
import { createGroupTransaction } from './group-transaction.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

const OPTIONS = { busyTimeoutMs: 100, clock: systemClock }

function openNumbers(): Database {
  const connection = new BetterSqlite3(':memory:')
  connection.exec('create table numbers (n integer primary key)')
  return connection
}

const numbersIn = (connection: Database) =>
  connection.prepare('select n from numbers order by n').pluck().all()

/** The same connection with something done before each statement runs. */
function observed(connection: Database, beforeRun: (statement: string) => void) {
  return {
    get inTransaction() {
      return connection.inTransaction
    },
    get open() {
      return connection.open
    },
    prepare(statement: string) {
      const prepared = connection.prepare(statement)
      const run = prepared.run.bind(prepared)
      prepared.run = (...values: unknown[]) => {
        beforeRun(statement)
        return run(...values)
      }
      return prepared
    },
  } as Pick<Database, 'inTransaction' | 'open' | 'prepare'>
}

it('commits everything queued in one turn at once and answers each on its own', async () => {
  const connection = openNumbers()
  let commits = 0
  const writes = createGroupTransaction(
    observed(connection, (statement) => void (commits += Number(statement === 'commit'))),
    OPTIONS,
  )
  const insert = connection.prepare('insert into numbers values (?)')
  const outcomes = await Promise.allSettled([
    writes.run(() => insert.run(1).changes),
    writes.run(() => {
      insert.run(2)
      throw new UmbraError('PRECONDITION_FAILED', 'not this one')
    }),
    writes.run(() => insert.run(3).changes),
    writes.run(() => insert.run(3).changes),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'PRECONDITION_FAILED' } })
  expect(outcomes[3]).toMatchObject({ reason: { code: 'INTERNAL' } })
  expect(numbersIn(connection)).toEqual([1, 3])
  expect(commits).toBe(1)
})

it('answers only after the commit', async () => {
  const connection = openNumbers()
  const events: string[] = []
  const writes = createGroupTransaction(
    observed(connection, (statement) => events.push(statement)),
    OPTIONS,
  )
  await writes.run(() => events.push('work')).then(() => events.push('answer'))
  expect(events).toEqual(['begin immediate', 'savepoint one', 'work', 'release one', 'commit', 'answer'])
})

it('rejects all of a group whose commit fails, and keeps nothing of it', async () => {
  const connection = openNumbers()
  let failing = true
  const writes = createGroupTransaction(
    observed(connection, (statement) => {
      if (failing && statement === 'commit')
        throw new BetterSqlite3.SqliteError('disk I/O error', 'SQLITE_IOERR')
    }),
    OPTIONS,
  )
  const insert = connection.prepare('insert into numbers values (?)')
  const outcomes = await Promise.allSettled([1, 2].map((n) => writes.run(() => insert.run(n))))
  expect(outcomes).toMatchObject([1, 2].map(() => ({ reason: { code: 'OUTCOME_PENDING' } })))
  expect(numbersIn(connection)).toEqual([])
  failing = false
  await writes.run(() => insert.run(4))
  expect(numbersIn(connection)).toEqual([4])
})

it('rejects all of a group whose transaction SQLite itself gave up, and goes on', async () => {
  const connection = openNumbers()
  const writes = createGroupTransaction(connection, OPTIONS)
  const insert = connection.prepare('insert into numbers values (?)')
  const outcomes = await Promise.allSettled([
    writes.run(() => insert.run(1)),
    // What SQLite does on its own when the disk is full.
    writes.run(() => connection.prepare('insert or rollback into numbers values (1)').run()),
    writes.run(() => insert.run(2)),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(numbersIn(connection)).toEqual([])
  await writes.run(() => insert.run(5))
  expect(numbersIn(connection)).toEqual([5])
})

it('rejects what comes after the connection was closed', async () => {
  const connection = openNumbers()
  const writes = createGroupTransaction(connection, OPTIONS)
  const late = writes.run(() => undefined)
  connection.close()
  await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

it('waits for the lock of another connection without blocking the process, then gives up', async () => {
  const path = await newDatabasePath()
  const [connection, other] = [new BetterSqlite3(path), new BetterSqlite3(path)]
  connection.pragma('journal_mode = WAL')
  connection.exec('create table numbers (n integer primary key)')
  other.exec('begin immediate')
  let tries = 0
  const sleep = async () => {
    if (++tries === 10) other.exec('commit')
  }
  const writes = createGroupTransaction(connection, { busyTimeoutMs: 100, clock: { ...systemClock, sleep } })
  await writes.run(() => connection.exec('insert into numbers values (1)'))
  expect([tries, numbersIn(connection)]).toEqual([10, [1]])

  other.exec('begin immediate')
  await expect(writes.run(() => connection.exec('insert into numbers values (2)'))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('busy timeout'),
  })
  expect(tries).toBe(60)
  expect(connection.pragma('busy_timeout', { simple: true })).toBe(100)
  other.close()
  connection.close()
})
