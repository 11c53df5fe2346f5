import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { openDatabase } from './open-database.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

it('creates the file and the directories it lies in', async () => {
  const path = join(dirname(await newDatabasePath()), 'deep', 'down', 'umbra.sqlite')
  const { connection } = await openDatabase({ path }, systemClock)
  expect(connection.prepare('select count(*) from records').pluck().get()).toBe(0)
  connection.close()
})

it('waits for the disk at every commit unless told otherwise', async () => {
  const path = await newDatabasePath()
  for (const [durability, synchronous] of [
    [undefined, 2],
    ['full', 2],
    ['relaxed', 1],
  ] as const) {
    const { connection } = await openDatabase({ path, ...(durability && { durability }) }, systemClock)
    expect(connection.pragma('synchronous', { simple: true }), durability).toBe(synchronous)
    expect(connection.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(connection.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(connection.pragma('busy_timeout', { simple: true })).toBe(5_000)
    connection.close()
  }
})

it('refuses a file that is not a database', async () => {
  const path = await newDatabasePath()
  await writeFile(path, 'a shopping list, long enough to be taken for a header '.repeat(10))
  await expect(openDatabase({ path }, systemClock)).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringContaining('not a sqlite database'),
  })
})

it('refuses a path it cannot open or create', async () => {
  const path = await newDatabasePath()
  await mkdir(path)
  await expect(openDatabase({ path }, systemClock)).rejects.toMatchObject({ code: 'CONFIGURATION' })
  const file = join(path, 'file')
  await writeFile(file, '')
  await expect(openDatabase({ path: join(file, 'umbra.sqlite') }, systemClock)).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('directory'),
  })
})

it('refuses a database that a newer version wrote, and changes nothing in it', async () => {
  const path = await newDatabasePath()
  const { connection } = await openDatabase({ path }, systemClock)
  connection.exec(
    "insert into __drizzle_migrations (hash, created_at) values ('from the future', 9999999999999)",
  )
  connection.close()
  await expect(openDatabase({ path }, systemClock)).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('upgrade'),
  })
})

it('opens an up-to-date database while another process writes', async () => {
  const path = await newDatabasePath()
  const first = await openDatabase({ path }, systemClock)
  first.connection.exec('begin immediate')
  const second = await openDatabase({ path, busyTimeoutMs: 0 }, systemClock)
  expect(second.connection.prepare('select count(*) from records').pluck().get()).toBe(0)
  second.connection.close()
  first.connection.close()
})

it('applies each migration once', async () => {
  const path = await newDatabasePath()
  for (let time = 0; time < 2; time++) (await openDatabase({ path }, systemClock)).connection.close()
  const connection = new BetterSqlite3(path)
  expect(connection.prepare('select count(*) from __drizzle_migrations').pluck().get()).toBe(5)
  connection.close()
})
