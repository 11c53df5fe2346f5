import { manageBackend, systemClock } from '@umbra/core'
import type { Clock, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

it.each<[string, (storage: StorageManager) => Promise<unknown>]>([
  ['reads', (storage) => storage.retrieveData('other', 'u', 'none')],
  ['writes', (storage) => storage.storeData({ module: 'other', userId: 'u', data: 1 })],
  ['stores a blob', (storage) => storage.putBlob('k', 1)],
  ['reads a blob', (storage) => storage.getBlob('k')],
  ['is asked how it is', (storage) => storage.health()],
])('what a process left behind is sent by one that %s and has nothing pending itself', async (_, use) => {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  let aheadMs = 0
  const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs }
  const open = async () => {
    const outbox = await openOutbox({ path: folder.sqlitePath }, { clock })
    return manageBackend(createOutboxBackend({ primary: store.client(), outbox, policy: QUICK, clock }))
  }
  const stays = await open()
  const leaves = await open()
  store.usually = 'down'
  expect(await leaves.storeData({ module: 'm', userId: 'u', data: 1 })).toMatchObject({ pending: true })
  await leaves.close()
  store.usually = 'ok'
  aheadMs = 60_000
  await use(stays)
  await expect.poll(() => manageBackend(store.direct).retrieveData('m', 'u')).toHaveLength(1)
  await stays.close()
  await folder.remove()
})
