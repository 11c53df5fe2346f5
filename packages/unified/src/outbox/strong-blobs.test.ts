import { manageBackend, UmbraError } from '@umbra/core'
import type { BlobStore, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { QUICK } from './outbox-backend.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'

const STRONG = { consistency: 'strong' } as const

let folder: StorageFolder
let store: FakeStore
let storage: StorageManager | undefined
let mayWrite: boolean

/** Over a store that may be read, and written as long as `mayWrite` says so. */
async function open(get?: (blobs: BlobStore) => BlobStore['get']): Promise<StorageManager> {
  const client = store.client()
  const { blobs } = client
  const put: BlobStore['put'] = async (...about) => {
    if (!mayWrite) throw new UmbraError('FORBIDDEN', 'the credentials may only read')
    return blobs.put(...about)
  }
  const primary = { ...client, blobs: { ...blobs, put, ...(get && { get: get(blobs) }) } }
  const outbox = await openOutbox({ path: folder.sqlitePath })
  storage = manageBackend(createOutboxBackend({ primary, outbox, policy: QUICK }))
  return storage
}

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  mayWrite = false
})
afterEach(async () => {
  await storage?.close()
  await folder.remove()
})

it('a strong read of a blob asks the store, and has what is pending all the same', async () => {
  const opened = await open()
  await opened.putBlob('k', 1)
  expect(await opened.getBlob('k', STRONG)).toMatchObject({ value: 1, pending: true })
  store.usually = 'down'
  expect(await opened.getBlob('k')).toMatchObject({ value: 1, pending: true })
  await expect(opened.getBlob('k', STRONG)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

it('a strong read of a blob has also what is sent while the store is asked', async () => {
  const opened = await open((blobs) => async (path) => {
    const found = await blobs.get(path)
    mayWrite = true
    await opened.sync()
    return found
  })
  await opened.putBlob('k', 1)
  const { value, pending } = (await opened.getBlob('k', STRONG)) ?? {}
  expect([value, pending]).toEqual([1, undefined])
})
