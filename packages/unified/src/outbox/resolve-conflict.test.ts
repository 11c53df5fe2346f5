import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

let folder: StorageFolder
let store: FakeStore
let storage: StorageManager

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  storage = await openBehindOutbox(store, folder.sqlitePath)
})
afterEach(async () => {
  await storage.close()
  await folder.remove()
})

// The MD5 of one begins with a digit, that of the other with a letter.
it.each(['x', 'theirs'])('puts a refused blob over what is there now: %s', async (theirs) => {
  const { etag } = await storage.putBlob('k', 'base')
  store.usually = 'down'
  await manageBackend(store.direct).putBlob('k', theirs)
  await storage.putBlob('k', 'ours', { ifMatch: etag })
  store.usually = 'ok'
  await storage.sync()
  const [listed] = await storage.conflicts()
  await storage.resolveConflict(listed?.id ?? '', 'retry')
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await manageBackend(store.direct).getBlob('k')).toMatchObject({ value: 'ours' })
  expect(await storage.conflicts()).toEqual([])
})
