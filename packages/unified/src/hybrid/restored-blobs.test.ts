import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { copyDatabase } from '../copy-database.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

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

async function open(path: string, decorate = (backend: StorageBackend) => backend): Promise<StorageManager> {
  const secondary = decorate(await createSqliteBackend({ path }))
  const outbox = await openOutbox({ path, leaseMs: 50 })
  const parts = { primary: store.client(), secondary, outbox, policy: QUICK }
  const storage = manageBackend(createHybridWithOutbox(parts))
  opened.push(storage)
  return storage
}

async function storeOnlyInSqlite(value: unknown): Promise<string> {
  const sqlite = manageBackend(await createSqliteBackend({ path: folder.sqlitePath }))
  const { etag } = await sqlite.putBlob('k', value)
  await sqlite.close()
  return etag
}

const inR2 = async () => (await manageBackend(store.direct).getBlob('k'))?.value

it('a deletion that was sent already does not bring back what was only in SQLite, when an old file is put back', async () => {
  await storeOnlyInSqlite('old')
  store.usually = 'down'
  const storage = await open(folder.sqlitePath)
  await storage.deleteBlob('k')
  const copy = await copyDatabase(folder.sqlitePath)
  store.usually = 'ok'
  expect(await storage.sync()).toEqual({ pending: 0 })
  const restored = await open(copy)
  expect(await restored.sync()).toEqual({ pending: 0 })
  expect(await inR2()).toBeUndefined()
  expect(await restored.getBlob('k')).toBeNull()
})

it('a change that was sent already does not bring back what it replaced, when an old file is put back', async () => {
  const etag = await storeOnlyInSqlite('old')
  store.usually = 'down'
  const storage = await open(folder.sqlitePath)
  await storage.putBlob('k', 'new', { ifMatch: etag })
  const copy = await copyDatabase(folder.sqlitePath)
  store.usually = 'ok'
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await inR2()).toBe('new')
  await manageBackend(store.direct).deleteBlob('k')
  const restored = await open(copy)
  expect(await restored.sync()).toEqual({ pending: 0 })
  expect(await inR2()).toBeUndefined()
  expect(await restored.getBlob('k')).toBeNull()
  expect(await restored.conflicts()).toEqual([])
})

it.each(['put', 'delete'] as const)(
  'a %s of what is only in SQLite, by its version, is done on both sides',
  async (kind) => {
    const etag = await storeOnlyInSqlite('old')
    const storage = await open(folder.sqlitePath)
    if (kind === 'put') await storage.putBlob('k', 'new', { ifMatch: etag })
    else expect(await storage.deleteBlob('k', { ifMatch: etag })).toBe(true)
    const expected = kind === 'put' ? 'new' : undefined
    expect(await inR2()).toBe(expected)
    expect((await storage.getBlob('k'))?.value).toBe(expected)
    await expect(storage.putBlob('k', 'again', { ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
  },
)

it('a creation whose copy is owed does not bring back what somebody deleted since', async () => {
  let isFull = true
  const storage = await open(folder.sqlitePath, (backend) => ({
    ...plainBackend(backend),
    blobs: {
      ...plainBackend(backend).blobs,
      // The copy is made, and what is noted of it is not.
      async put(...about) {
        if (isFull && about[0].startsWith('hybrid/')) throw new UmbraError('UNAVAILABLE', 'the disk is full')
        return backend.blobs.put(...about)
      },
    },
  }))
  expect(await storage.putBlob('k', 'v', { ifNoneMatch: '*' })).toMatchObject({ pending: true })
  expect(await inR2()).toBe('v')
  await manageBackend(store.direct).deleteBlob('k')
  isFull = false
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect(await inR2()).toBeUndefined()
  expect(await storage.getBlob('k')).toBeNull()
  expect(await storage.conflicts()).toEqual([])
})
