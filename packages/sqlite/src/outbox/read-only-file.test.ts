import { chmod } from 'node:fs/promises'
import { dirname } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { expect, it } from 'vitest'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import { fresh, LANE, openTestOutbox } from './outbox.fixture.ts'
import { openOutbox } from './outbox.ts'

/** Anybody but the superuser, for whom permissions do not count. */
const NOBODY_ID = 65_534

async function withoutPrivileges<T>(run: () => Promise<T>): Promise<T> {
  const isSuperuser = process.geteuid?.() === 0
  if (isSuperuser) process.seteuid?.(NOBODY_ID)
  try {
    return await run()
  } finally {
    if (isSuperuser) process.seteuid?.(0)
  }
}

it.each([
  ['the file and its folder', 0o444, 0o555],
  ['the file', 0o444, 0o777],
  ['the folder', 0o666, 0o555],
])('is refused when it is opened, and stays as it is, when %s cannot be written', async (_, file, folder) => {
  const path = await newDatabasePath()
  const outbox = await openTestOutbox({ path })
  await outbox.append(LANE, { mutations: [fresh('a', 'x')] }, 'pending')
  await outbox.close()
  await chmod(path, file)
  await chmod(dirname(path), folder)
  try {
    await expect(withoutPrivileges(() => openOutbox({ path }))).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('permissions'),
    })
  } finally {
    await chmod(dirname(path), 0o755)
  }
  const connection = new BetterSqlite3(path)
  expect(connection.prepare('select count(*) from outbox_ops').pluck().get()).toBe(1)
  connection.close()
})

it('is refused also while another process, that may write it, has it open', async () => {
  const path = await newDatabasePath()
  const outbox = await openTestOutbox({ path })
  await outbox.append(LANE, { mutations: [fresh('a', 'x')] }, 'pending')
  await chmod(path, 0o444)
  await chmod(dirname(path), 0o755)
  const opening = withoutPrivileges(() => openOutbox({ path }))
  await expect(opening).rejects.toMatchObject({ code: 'CONFIGURATION' })
  await outbox.append(LANE, { mutations: [fresh('b', 'x')] }, 'pending')
})
