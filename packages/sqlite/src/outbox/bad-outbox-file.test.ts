import { open, stat, writeFile } from 'node:fs/promises'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import { fresh, LANE, leaseOf, openTestOutbox } from './outbox.fixture.ts'
import { openOutbox } from './outbox.ts'

it('is refused when it is no database, with what to do', async () => {
  const path = await newDatabasePath()
  await writeFile(path, 'not a database, and long enough to have a header '.repeat(10))
  await expect(openOutbox({ path })).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringContaining('restore a backup'),
  })
})

it('is refused when a newer version wrote it, and stays as it is', async () => {
  const path = await newDatabasePath()
  const outbox = await openTestOutbox({ path })
  await outbox.append(LANE, { mutations: [fresh('a', 'x')] }, 'pending')
  const connection = new BetterSqlite3(path)
  connection.exec("insert into __drizzle_migrations (hash, created_at) values ('future', 9999999999999)")
  await expect(openOutbox({ path })).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('upgrade'),
  })
  expect(connection.prepare('select count(*) from outbox_ops').pluck().get()).toBe(1)
  connection.close()
})

it('is refused when it cannot be written, with what to check', async () => {
  const path = await newDatabasePath()
  await (await openOutbox({ path })).close()
  // As for a file without write permission, which tests that run as the superuser would have all the same.
  const opening = openOutbox({ path }, { prepare: (one) => one.pragma('query_only = ON') })
  await expect(opening).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('permissions'),
  })
})

it('reports damage inside it when it meets it, and answers nothing wrong', async () => {
  const path = await newDatabasePath()
  const first = await openOutbox({ path })
  for (let n = 0; n < 50; n++)
    await first.append(LANE, { mutations: [fresh(`r${n}`, 'x'.repeat(5_000))] }, 'pending')
  await first.close()
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(size - 4_096 * 20, 0xa5), 0, size - 4_096 * 20, 4_096 * 20)
  await file.close()
  const read = async () => {
    const outbox = await openTestOutbox({ path })
    const lease = await leaseOf(outbox)
    for (const { mutations } of outbox.waiting(lease, 100))
      for (const mutation of mutations) if (mutation.kind === 'put') void mutation.body.bytes
  }
  await expect(read()).rejects.toMatchObject({ code: 'CORRUPT' })
})

it('on a full disk refuses what does not fit as OUTBOX_FULL and keeps working afterwards', async () => {
  const path = await newDatabasePath()
  const outbox = await openTestOutbox({ path })
  await outbox.append(LANE, { mutations: [fresh('a', 'x')] }, 'pending')
  // The connection's own limit: SQLite answers SQLITE_FULL as for a disk.
  const pages = new BetterSqlite3(path)
  const used = Number(pages.pragma('page_count', { simple: true }))
  pages.close()
  const limited = await openOutbox({ path }, { prepare: (one) => one.pragma(`max_page_count = ${used + 4}`) })
  const refused = limited.append(LANE, { mutations: [fresh('b', 'x'.repeat(100_000))] }, 'pending')
  await expect(refused).rejects.toMatchObject({ code: 'OUTBOX_FULL', details: { reason: 'disk-full' } })
  await limited.append(LANE, { mutations: [fresh('c', 'small')] }, 'pending')
  await limited.close()
  const ids = outbox.waiting(await leaseOf(outbox), 10).map(({ entries }) => entries[0]?.id)
  expect(ids).toEqual(['a', 'c'])
})
