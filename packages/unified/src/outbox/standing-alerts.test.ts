import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let storage: StorageManager
let heard: string[]

/** Opened while the store is away. */
beforeEach(async () => {
  heard = []
  folder = await createStorageFolder()
  store = createFakeStore()
  store.usually = 'down'
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const awayBecause = new UmbraError('UNAVAILABLE', 'the fake is down')
  const policy = { ...QUICK, pausedRetryMs: 60_000 }
  storage = manageBackend(createOutboxBackend({ primary: store.client(), outbox, policy, awayBecause }))
})
afterEach(async () => {
  await storage.close()
  await folder.remove()
})

function listen(as: string): () => void {
  return storage.on('degraded', ({ reason }) => heard.push(`${as}: ${reason.code}`))
}

it('who opens a store during an outage hears of it once, after `on` has returned, and of its end', async () => {
  listen('first')
  storage.on('recovered', () => heard.push('recovered'))
  expect(heard).toEqual([])
  await storage.storeData({ ...AT, data: 1 })
  expect(heard).toEqual(['first: UNAVAILABLE'])
  store.usually = 'ok'
  await storage.sync()
  await expect.poll(() => heard).toEqual(['first: UNAVAILABLE', 'recovered'])
  listen('too late')
  await Promise.resolve()
  expect(heard).toHaveLength(2)
})

it('who listens later hears of everything that is not over', async () => {
  store.usually = 'forbidden'
  for (const userId of ['u', 'v']) await storage.storeData({ ...AT, userId, data: 1 })
  await expect.poll(async () => (await storage.health()).outbox?.paused.length).toBe(2)
  listen('later')
  await expect.poll(() => heard).toEqual(['later: FORBIDDEN', 'later: FORBIDDEN'])
})

it('who has stopped listening hears nothing any more', async () => {
  listen('gone')()
  await Promise.resolve()
  expect(heard).toEqual([])
})
