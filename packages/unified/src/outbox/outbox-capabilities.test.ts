import { manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let backend: StorageBackend
let storage: StorageManager

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  backend = createOutboxBackend({ primary: store.client(), outbox, policy: QUICK })
  storage = manageBackend(backend)
})
afterEach(async () => {
  await storage.close()
  await folder.remove()
})

/** Counts what is taken from it. */
function source(...ids: string[]) {
  const taken: string[] = []
  function* requests() {
    for (const id of ids) {
      taken.push(id)
      yield { id, data: id }
    }
  }
  return { taken, requests: requests() }
}

async function collect<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const item of items ?? []) all.push(item)
  return all
}

describe('an import', () => {
  it('goes past the outbox, and is read at once', async () => {
    expect(await storage.importData('m', 'u', source('a', 'b').requests)).toEqual({ committed: 2 })
    expect(store.applied).toEqual(['import of 2'])
    expect((await storage.retrieveData('m', 'u')).map(({ id, pending }) => [id, pending])).toEqual([
      ['a', false],
      ['b', false],
    ])
  })

  it('waits for the writes that were acknowledged before it', async () => {
    store.fates.push('down')
    expect(await storage.storeData({ ...AT, id: 'a', data: 'first' })).toMatchObject({ pending: true })
    const importing = storage.importData('m', 'u', source('b', 'a').requests)
    await expect(importing).rejects.toMatchObject({ code: 'ALREADY_EXISTS', details: { committed: 0 } })
    expect(await storage.retrieveData('m', 'u')).toMatchObject([{ data: 'first', pending: false }])
    expect(await storage.conflicts()).toEqual([])
  })

  it('is refused while they cannot be stored, and nothing is taken from its source', async () => {
    store.usually = 'down'
    for (let n = 0; n < 4; n++) await storage.storeData({ ...AT, id: `before${n}`, data: n })
    const { taken, requests } = source('a')
    await expect(storage.importData('m', 'u', requests)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
      details: { pending: 4, committed: 0 },
    })
    const other = source('a')
    await expect(storage.importData('m', 'other', other.requests)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect([taken, other.taken]).toEqual([[], []])
    store.usually = 'ok'
    await storage.sync()
    expect(await storage.importData('m', 'u', source('a').requests)).toEqual({ committed: 1 })
    expect(store.applied.at(-1)).toBe('import of 1')
  })

  it('is not waited for where the credentials are refused', async () => {
    store.usually = 'forbidden'
    await storage.storeData({ ...AT, data: 1 })
    await expect(storage.importData('m', 'u', source('a').requests)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      cause: { cause: { code: 'FORBIDDEN' } },
    })
    store.usually = 'ok'
    await storage.sync()
  })
})

describe('the inventory', () => {
  it('has what is pending laid over what the store holds', async () => {
    await storage.storeData({ ...AT, id: 'stays', data: 1 })
    await storage.storeData({ ...AT, id: 'goes', data: 1 })
    await storage.storeData({ ...AT, id: 'again', data: 1 })
    await storage.deleteData('m', 'u', 'again')
    for (const key of ['a', 'c', 'e']) await storage.putBlob(key, 1)
    const before = await collect(backend.inventory?.listBlobs())
    store.usually = 'down'
    await storage.storeData({ module: 'new', userId: 'u', data: 1 })
    expect(await storage.deleteData('m', 'u', 'goes')).toBe(true)
    expect(await storage.storeData({ ...AT, id: 'again', data: 2 })).toMatchObject({ pending: true })
    await storage.putBlob('b', 22)
    await storage.putBlob('c', 333)
    await storage.deleteBlob('e')

    expect(await collect(backend.inventory?.listNamespaces())).toEqual([AT, { module: 'new', userId: 'u' }])
    const blobs = await collect(backend.inventory?.listBlobs())
    expect(blobs).toMatchObject([
      before[0],
      { path: 'json_blobs/b.json', size: 2, pending: true },
      { path: 'json_blobs/c.json', size: 3, pending: true },
    ])
    const deletions = await backend.inventory?.findDeletions(AT, ['stays', 'goes', 'again'])
    store.usually = 'ok'
    await storage.sync()
    expect(await collect(backend.inventory?.listBlobs())).toEqual(
      blobs.map(({ path, etag, size }) => ({ path, etag, size })),
    )
    const later = await backend.inventory?.findDeletions(AT, ['goes', 'stays'])
    expect([...(later ?? [])]).toMatchObject([['goes', { rev: 2 }]])
    expect(deletions?.get('goes')).toMatchObject({ rev: 2 })
    expect(await backend.inventory?.findDeletions(AT, ['again'])).toEqual(new Map())
  })
})
