import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'
import type { OutboxPolicy } from './outbox-policy.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
const opened: StorageManager[] = []

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await folder.remove()
})

async function open(policy: Partial<OutboxPolicy> = {}): Promise<StorageManager> {
  const storage = await openBehindOutbox(store, folder.sqlitePath, { policy, limits: { leaseMs: 50 } })
  opened.push(storage)
  return storage
}

it('nothing is called paused, and writes go straight to the store, once another process has sent everything', async () => {
  const one = await open({ pausedRetryMs: 60_000 })
  store.usually = 'forbidden'
  await one.storeData({ ...AT, data: 1 })
  expect((await one.health()).outbox?.paused).toHaveLength(1)
  store.usually = 'ok'
  const other = await open()
  expect(await other.sync()).toEqual({ pending: 0 })
  expect(await one.health()).toMatchObject({ healthy: true, outbox: { depth: 0, paused: [] } })
  expect(await one.storeData({ ...AT, data: 2 })).toMatchObject({ pending: false })
})
