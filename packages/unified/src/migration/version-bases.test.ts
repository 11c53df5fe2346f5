import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { NAMESPACE, put, remove } from './migration.fixture.ts'
import { addSent, basesOf, isCopy, isNamed, settleEqual, versionOf } from './version-bases.ts'

let folder: StorageFolder
let sqlite: StorageBackend
beforeEach(async () => {
  folder = await createStorageFolder()
  sqlite = await createSqliteBackend({ path: folder.sqlitePath })
})
afterEach(async () => {
  await sqlite.close()
  await folder.remove()
})

const change = (rev: number) => put(sqlite, { id: 'a', value: rev }, { rev })
const bases = async () => (await sqlite.bases?.get(NAMESPACE, 'a'))?.bases

it('what was sent stays a base until a later version is known to be on both sides', async () => {
  const first = await change(1)
  expect(await addSent(sqlite, NAMESPACE, [first])).toEqual(new Set([first]))
  const second = await change(2)
  await addSent(sqlite, NAMESPACE, [second])
  const third = await change(3)
  await addSent(sqlite, NAMESPACE, [third])
  const sent = (await bases()) ?? []
  expect([first, second, third].map((version) => isNamed(sent, version))).toEqual([true, true, true])
  // R2 may never have got it.
  expect(isCopy(sent, third)).toBe(false)
  await settleEqual(sqlite, NAMESPACE, [second])
  const left = (await bases()) ?? []
  expect([first, second, third].map((version) => isNamed(left, version))).toEqual([false, true, true])
  expect(isCopy(left, second)).toBe(true)
  const fourth = await change(4)
  await settleEqual(sqlite, NAMESPACE, [fourth])
  expect(await bases()).toEqual([versionOf(fourth)])
})

it('what is not current any more is not to be sent, and is no base', async () => {
  const [first, other] = [await change(1), await put(sqlite, { id: 'b', value: 1 })]
  const second = await change(2)
  expect(await addSent(sqlite, NAMESPACE, [first, other])).toEqual(new Set([other]))
  await remove(sqlite, 'a')
  expect(await addSent(sqlite, NAMESPACE, [second])).toEqual(new Set())
  expect(await bases()).toEqual([])
  expect(await basesOf(sqlite, NAMESPACE, second)).toBeUndefined()
})

it('who is late to say that both have a version says nothing of a record that was deleted since, or of another one', async () => {
  const first = await change(1)
  await remove(sqlite, 'a')
  await settleEqual(sqlite, NAMESPACE, [first])
  expect(await bases()).toEqual([])
  await put(sqlite, { id: 'a', value: 3, timestamp: '2026-02-03T04:05:06.789Z' }, { rev: 3 })
  await settleEqual(sqlite, NAMESPACE, [first])
  expect(await bases()).toEqual([])
})

it('two versions of one revision and content are told apart by their time', async () => {
  const entry = await change(1)
  const other = { ...entry, updated_at: '2026-02-03T04:05:06.789Z' }
  expect(versionOf(other)).not.toBe(versionOf(entry))
  expect(versionOf(entry)).toMatch(/^1-[\w-]{22}$/)
})
