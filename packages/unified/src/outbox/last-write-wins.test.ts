import { setTimeout } from 'node:timers/promises'
import { manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'
import type { OutboxPolicy } from './outbox-policy.ts'

const POLICY = { conflicts: 'last-write-wins' } as const
const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let opened: StorageManager[]

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  opened = []
})
afterEach(async () => {
  for (const storage of opened) await storage.close()
  await folder.remove()
})

async function open(patience: Partial<OutboxPolicy> = {}): Promise<StorageManager> {
  const storage = await openBehindOutbox(store, folder.sqlitePath, { policy: { ...patience, ...POLICY } })
  opened.push(storage)
  return storage
}

const other = () => manageBackend(store.direct)
const later = () => setTimeout(3)

it('leaves the last of several changes of one record that somebody else came before', async () => {
  const storage = await open()
  await storage.storeData({ ...AT, id: 'a', data: 'base' })
  store.usually = 'down'
  await other().updateData({ ...AT, recordId: 'a', data: 'theirs' })
  for (const data of ['first', 'second', 'third']) {
    await later()
    await storage.updateData({ ...AT, recordId: 'a', data })
  }
  store.usually = 'ok'
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await other().retrieveData('m', 'u', 'a')).toMatchObject({ data: 'third', revision: 5 })
  expect(await storage.conflicts()).toHaveLength(3)
})

it('is sent at once when a write behind it found the refusal', async () => {
  const storage = await open({ breakMs: 60_000, maxBreakMs: 60_000 })
  await storage.storeData({ ...AT, id: 'a', data: 'base' })
  store.usually = 'down'
  await other().updateData({ ...AT, recordId: 'a', data: 'theirs' })
  await later()
  expect(await storage.updateData({ ...AT, recordId: 'a', data: 'ours' })).toMatchObject({ pending: true })
  store.usually = 'ok'
  expect(await storage.storeData({ ...AT, data: 'behind' })).toMatchObject({ pending: false })
  const contents = async () => (await other().retrieveData('m', 'u', 'a'))?.data
  await expect.poll(contents, { timeout: 2_000 }).toBe('ours')
})

it('is waited for by whoever waits until nothing is pending', async () => {
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const slow: Outbox = {
    ...outbox,
    async decide(...about) {
      const recorded = await outbox.decide(...about)
      await setTimeout(100)
      return recorded
    },
  }
  const primary = store.client()
  const storage = manageBackend(
    createOutboxBackend({ primary, outbox: slow, policy: { ...QUICK, ...POLICY } }),
  )
  opened.push(storage)
  await storage.storeData({ ...AT, id: 'a', data: 'base' })
  store.usually = 'down'
  await other().updateData({ ...AT, recordId: 'a', data: 'theirs' })
  await later()
  await storage.updateData({ ...AT, recordId: 'a', data: 'ours' })
  store.usually = 'ok'
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await other().retrieveData('m', 'u', 'a')).toMatchObject({ data: 'ours' })
})

it('does not store a change whose caller, in another process, is told that it was refused', async () => {
  const sender = await open()
  const { etag } = await sender.storeData({ ...AT, id: 'a', data: 'base' })
  const client = store.client()
  const late: StorageBackend = {
    ...client,
    // Somebody else is faster, after the caller has looked.
    async getEntry(...about) {
      const entry = await client.getEntry(...about)
      await other().updateData({ ...AT, recordId: 'a', data: 'theirs', ifMatch: etag })
      await later()
      return entry
    },
  }
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const caller = manageBackend(
    createOutboxBackend({ primary: late, outbox, policy: { ...QUICK, ...POLICY } }),
  )
  opened.push(caller)
  const announced: unknown[] = []
  for (const storage of [sender, caller]) storage.on('conflict', (about) => announced.push(about))
  const done = new AbortController()
  const sendOn = async () => {
    while (!done.signal.aborted) await sender.storeData({ ...AT, data: 'more' })
  }
  // So many that the lane is never empty, and the other process never its sender.
  const sending = Array.from({ length: 5 }, sendOn)
  const refused = caller.updateData({ ...AT, recordId: 'a', data: 'ours', ifMatch: etag })
  await expect(refused).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  done.abort()
  await Promise.all(sending)
  await sender.sync()
  expect(await other().retrieveData('m', 'u', 'a')).toMatchObject({ data: 'theirs' })
  expect(announced).toEqual([])
  expect(await caller.conflicts()).toEqual([])
})
