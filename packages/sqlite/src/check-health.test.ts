import { writeFile } from 'node:fs/promises'
import { systemClock } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { checkHealth } from './check-health.ts'
import { newDatabasePath } from './temporary-folder.fixture.ts'

it('reports what it runs on', async () => {
  const connection = new BetterSqlite3(await newDatabasePath())
  connection.exec('create table things (id integer)')
  expect(checkHealth(connection, systemClock)).toMatchObject({
    healthy: true,
    message: expect.stringMatching(/^sqlite 3\.\d+\.\d+, 0\.0 MiB$/),
  })
  connection.close()
})

it('answers with the problem when the database cannot be read', async () => {
  const path = await newDatabasePath()
  await writeFile(path, 'not a database at all, whatever its name says '.repeat(20))
  const connection = new BetterSqlite3(path)
  expect(checkHealth(connection, systemClock)).toMatchObject({
    healthy: false,
    message: expect.stringContaining('not a sqlite database'),
  })
  connection.close()
})
