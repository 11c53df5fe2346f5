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

it('puts a refused change over one that is pending, which reads show meanwhile', async () => {
  const AT = { module: 'm', userId: 'u' }
  const other = manageBackend(store.direct)
  await storage.storeData({ ...AT, id: 'a', data: 'base' })
  const { etag } = await storage.putBlob('k', 'base')
  store.usually = 'down'
  await other.updateData({ ...AT, recordId: 'a', data: 'theirs' })
  await other.putBlob('k', 'theirs')
  await storage.updateData({ ...AT, recordId: 'a', data: 'refused' })
  await storage.putBlob('k', 'refused', { ifMatch: etag })
  store.usually = 'ok'
  await storage.sync()
  await storage.retrieveData('m', 'u', 'a')
  const listed = await storage.conflicts()
  expect(listed).toHaveLength(2)
  store.usually = 'down'
  await storage.updateData({ ...AT, recordId: 'a', data: 'later' })
  await storage.putBlob('k', 'later')
  for (const { id } of listed) await storage.resolveConflict(id, 'retry')
  expect(await storage.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'refused', revision: 4 })
  store.usually = 'ok'
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toEqual([])
  expect(await other.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'refused', revision: 4 })
  expect(await other.getBlob('k')).toMatchObject({ value: 'refused' })
})
