import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

it('waits no longer than until the storage is closed, however long the store is away', async () => {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const storage = await openBehindOutbox(store, folder.sqlitePath)
  store.usually = 'down'
  await storage.storeData({ module: 'm', userId: 'u', data: 1 })
  const syncing = storage.sync()
  await storage.close()
  expect(await syncing).toEqual({ pending: 1 })
  await folder.remove()
})
