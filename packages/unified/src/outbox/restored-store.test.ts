import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import type { OutboxOptions } from './parse-outbox-options.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let r2: StoppableR2
let storage: StorageManager | undefined

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(join(folder.path, 'bucket'))
})
afterEach(async () => {
  await storage?.close()
  await r2.stop()
  await folder.remove()
})

const settings = () =>
  parseSettings({ ...toEnvironment(r2.server), SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: 'r2' })

async function open(options: OutboxOptions = {}): Promise<StorageManager> {
  const quick = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }
  storage = await createStorageManager(settings(), { outbox: { ...quick, ...options } })
  return storage
}

async function whileStopped(work: () => Promise<void>): Promise<void> {
  await r2.stop()
  await work()
  await r2.start()
}

const backUp = () =>
  whileStopped(() => cp(join(folder.path, 'bucket'), join(folder.path, 'backup'), { recursive: true }))

/** A process that has seen the newer version refuses the older one, so another one goes on. */
async function restore(options?: OutboxOptions): Promise<StorageManager> {
  await storage?.close()
  await whileStopped(async () => {
    await rm(join(folder.path, 'bucket'), { recursive: true })
    await cp(join(folder.path, 'backup'), join(folder.path, 'bucket'), { recursive: true })
  })
  return open(options)
}

/** The number of its revisions is the first part of a record's etag. */
const revisions = async (of: StorageManager) =>
  Object.fromEntries((await of.retrieveData('m', 'u')).map(({ id, etag }) => [id, Number.parseInt(etag, 10)]))

it('gets again what it lost, as far as it is kept, and nothing twice (property 14)', async () => {
  const one = await open()
  await one.storeData({ ...AT, id: 'a', data: 1 })
  await one.storeData({ ...AT, id: 'kept', data: 1 })
  await one.updateData({ ...AT, recordId: 'kept', data: 2 })
  await backUp()
  await one.storeData({ ...AT, id: 'b', data: 2 })
  await one.updateData({ ...AT, recordId: 'a', data: 2 })
  await one.updateData({ ...AT, recordId: 'a', data: 3 })
  const two = await restore()
  await two.storeData({ ...AT, id: 'c', data: 3 })
  expect(await two.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  const once = { a: 3, b: 1, c: 1, kept: 2 }
  expect(await revisions(two)).toEqual(once)
  expect((await two.retrieveData('m', 'u', 'a'))?.data).toBe(3)
  // Nor by a process that finds the same operations in the file once more.
  await two.close()
  const three = await open()
  await three.storeData({ ...AT, id: 'd', data: 4 })
  expect(await three.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  expect(await revisions(three)).toEqual({ ...once, d: 1 })
  expect(await three.conflicts()).toEqual([])
})

it('takes what is new when nothing of what it lost is kept', async () => {
  const one = await open({ keepBytes: 0 })
  await one.storeData({ ...AT, id: 'a', data: 1 })
  await backUp()
  await one.storeData({ ...AT, id: 'b', data: 2 })
  const two = await restore({ keepBytes: 0 })
  await two.storeData({ ...AT, id: 'c', data: 3 })
  expect(await two.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  const records = await two.retrieveData('m', 'u')
  expect(records.map(({ id }) => id)).toEqual(['a', 'c'])
})

it('gets again what it lost when the last it remembers was refused', async () => {
  const one = await open()
  await one.storeData({ ...AT, id: 'a', data: 0 })
  const other = await createStorageManager(settings(), { outbox: false })
  await other.storeData({ ...AT, id: 'taken', data: 0 })
  await other.close()
  await r2.stop()
  for (const id of ['b', 'taken']) await one.storeData({ ...AT, id, data: 1 })
  await r2.start()
  expect(await one.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  expect(await one.conflicts()).toHaveLength(1)
  await backUp()
  await one.storeData({ ...AT, id: 'c', data: 2 })
  const two = await restore()
  await two.storeData({ ...AT, id: 'd', data: 3 })
  expect(await two.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  const records = await two.retrieveData('m', 'u')
  expect(records.map(({ id }) => id)).toEqual(['a', 'taken', 'b', 'c', 'd'])
})

it('gets again what it lost when a record of it is changed, over what it has again', async () => {
  const one = await open()
  await one.storeData({ ...AT, id: 'a', data: 'first' })
  await backUp()
  await one.updateData({ ...AT, recordId: 'a', data: 'second' })
  const two = await restore()
  await two.updateData({ ...AT, recordId: 'a', data: 'third' })
  expect(await two.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  expect(await revisions(two)).toEqual({ a: 3 })
  expect(await two.conflicts()).toEqual([])
})
