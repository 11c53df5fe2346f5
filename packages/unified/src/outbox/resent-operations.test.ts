import { manageBackend, recordEtag } from '@umbra/core'
import type { Mutation, StorageBackend, StorageManager, StoredEntry } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copyDatabase } from '../copy-database.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'
import { putOf } from './put-of.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let opened: Pick<StorageManager, 'close'>[]

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  opened = []
})
afterEach(async () => {
  for (const one of opened) await one.close()
  await folder.remove()
})

async function open(path = folder.sqlitePath): Promise<StorageManager> {
  const storage = await openBehindOutbox(store, path)
  opened.push(storage)
  return storage
}

async function openBackend(path = folder.sqlitePath): Promise<StorageBackend> {
  const outbox = await openOutbox({ path, leaseMs: 50 })
  const backend = createOutboxBackend({ primary: store.client(), outbox, policy: QUICK })
  opened.push(backend)
  return backend
}

const elsewhere = () => manageBackend(store.direct)

async function drain(storage: StorageManager): Promise<void> {
  store.usually = 'ok'
  expect(await storage.sync({ timeoutMs: 5_000 })).toMatchObject({ pending: 0 })
}

const held = async (id: string) => (await elsewhere().retrieveData('m', 'u', id))?.data

const increment = (id: string) => ({ ...AT, recordId: id, data: (count: unknown) => Number(count) + 1 })

/** The store does not know any more what it has of this file. */
async function storeAndBeForgotten(storage: StorageManager, data: unknown): Promise<void> {
  await storage.storeData({ ...AT, id: 'a', data })
  store.usually = 'down'
  store.forgetWriters()
}

describe('an operation that is sent under another name', () => {
  it.each([
    ['when it is the last one', 1],
    ['when the next one is applied over that', 2],
  ])('is not taken for somebody else’s of the same content, %s', async (_, ours) => {
    const storage = await open()
    await storeAndBeForgotten(storage, 1)
    for (let count = 0; count < ours; count++) await storage.updateData(increment('a'))
    await elsewhere().updateData(increment('a'))
    await drain(storage)
    expect(await storage.conflicts()).toMatchObject([{ recordIds: ['a'] }])
    // Theirs, and all of ours but the first.
    expect(await held('a')).toBe(1 + ours)
  })

  it('does not go over what was made later of the same content', async () => {
    const storage = await open()
    store.usually = 'down'
    await storage.storeData({ ...AT, id: 'a', data: 'open' })
    await storage.updateData({ ...AT, recordId: 'a', data: 'closed' })
    const copy = await copyDatabase(folder.sqlitePath)
    await drain(storage)
    await storage.updateData({ ...AT, recordId: 'a', data: 'open' })
    const restored = await open(copy)
    await drain(restored)
    expect(await held('a')).toBe('open')
  })

  it('is not applied again when the last of all was the same', async () => {
    const backend = await openBackend()
    store.usually = 'down'
    let [stored] = await backend.commit(AT, [putOf(AT, 'a')])
    for (const word of ['same', 'other', 'same'])
      [stored] = await backend.commit(AT, [changeOf(stored, word)])
    const copy = await copyDatabase(folder.sqlitePath)
    await drainBackend(backend)
    await backend.commit(AT, [putOf(AT, 'so that the copy has another count')])
    const restored = await openBackend(copy)
    await drainBackend(restored)
    expect(await restored.pendingWrites?.conflicts()).toEqual([])
    expect(await elsewhere().retrieveInfo('m', 'u', 'a')).toMatchObject({ revision: 4 })
  })

  it('is not taken for applied because one of its records was deleted by others', async () => {
    const backend = await openBackend()
    const [x, y] = await backend.commit(AT, [putOf(AT, 'x'), putOf(AT, 'y')])
    store.usually = 'down'
    store.forgetWriters()
    await backend.commit(AT, [deletionOf(y), changeOf(x, 'changed')])
    await elsewhere().deleteData('m', 'u', 'y')
    await drainBackend(backend)
    expect(await backend.pendingWrites?.conflicts()).toMatchObject([{ recordIds: ['y', 'x'] }])
  })

  it('is not taken for applied because a creation beside it was', async () => {
    const backend = await openBackend()
    const [y] = await backend.commit(AT, [putOf(AT, 'y')])
    store.usually = 'down'
    // Both are on their way when the store goes, the second of them later, as it has more to write.
    await Promise.all([
      backend.commit(AT, [creationOf('k', 'ours'), changeOf(y, 'ours')]),
      backend.commit(AT, [creationOf('k', 'beside'), putOf(AT, 'z1'), putOf(AT, 'z2')]),
    ])
    await elsewhere().updateData({ ...AT, recordId: 'y', data: 'theirs' })
    store.fates.push('lost')
    await backend.pendingWrites?.sync({ timeoutMs: 100 })
    store.forgetWriters()
    await drainBackend(backend)
    expect(await backend.pendingWrites?.conflicts()).toMatchObject([{ recordIds: ['k', 'y'] }])
  })

  it.each([
    ['changed', () => elsewhere().updateData({ ...AT, recordId: 'minted', data: 'theirs' }), 'theirs'],
    ['deleted', () => elsewhere().deleteData('m', 'u', 'minted'), 1],
  ])(
    'is not taken for applied because it once minted an id that others have %s since',
    async (_, happen, x2) => {
      const backend = await openBackend()
      const [x] = await backend.commit(AT, [putOf(AT, 'x')])
      store.usually = 'down'
      await backend.commit(AT, [changeOf(x, 'ours'), { ...putOf(AT, 'minted'), freshId: true }])
      const copy = await copyDatabase(folder.sqlitePath)
      await drainBackend(backend)
      await backend.commit(AT, [putOf(AT, 'so that the copy has another count')])
      await elsewhere().updateData({ ...AT, recordId: 'x', data: 'theirs' })
      await happen()
      const restored = await openBackend(copy)
      await drainBackend(restored)
      const [listed] = (await restored.pendingWrites?.conflicts()) ?? []
      // Both are read, and the store goes again.
      store.fates.push('ok', 'ok')
      store.usually = 'down'
      await restored.pendingWrites?.resolve(listed?.id ?? '', 'retry')
      await happen()
      store.forgetWriters()
      await drainBackend(restored)
      expect(await held('x')).toBe(x2)
      // Applied, where nobody has the id any more.
      expect(await restored.pendingWrites?.conflicts()).toHaveLength(x2 === 1 ? 0 : 1)
    },
  )

  it('is not taken for applied because the store cannot be read just now', async () => {
    const storage = await open()
    await storeAndBeForgotten(storage, 1)
    await storage.deleteData('m', 'u', 'a')
    await elsewhere().updateData(increment('a'))
    // The writer is unknown, the refusal is not heard, then heard, and what is there now cannot be read at first.
    store.fates.push('ok', 'lost', 'ok', 'down')
    await drain(storage)
    expect(await storage.conflicts()).toMatchObject([{ recordIds: ['a'] }])
    expect(await held('a')).toBe(2)
  })
})

it('an operation whose answer was lost is not taken for one of the same content that was not sent yet', async () => {
  const [used] = await store.direct.commit(AT, [creationOf('a', 'of others')])
  await store.direct.commit(AT, [deletionOf(used)])
  const backend = await openBackend()
  store.usually = 'down'
  const [first] = await backend.commit(AT, [creationOf('a', 'same')])
  await backend.commit(AT, [deletionOf(first)])
  await backend.commit(AT, [creationOf('a', 'same')])
  store.fates.push('ok', 'lost')
  await drainBackend(backend)
  expect(await backend.pendingWrites?.conflicts()).toEqual([])
  expect(await elsewhere().retrieveInfo('m', 'u', 'a')).toMatchObject({ revision: 5 })
})

function overOf(stored: StoredEntry | undefined) {
  if (stored === undefined) throw new Error('not stored')
  return { id: stored.entry.id, expect: { kind: 'etag', etag: recordEtag(stored.entry) } } as const
}

function creationOf(id: string, word: string): Mutation {
  const { draft, ...put } = putOf(AT, id)
  return { ...put, draft: { ...draft, metadata: { word } } }
}

function deletionOf(stored: StoredEntry | undefined): Mutation {
  return { kind: 'delete', ...overOf(stored), at: '2026-01-02T00:00:00.000Z' }
}

function changeOf(stored: StoredEntry | undefined, word: string): Mutation {
  const { id, expect: over } = overOf(stored)
  const { draft, ...put } = putOf(AT, id)
  const changed = { ...draft, updated_at: '2026-01-02T00:00:00.000Z', metadata: { word } }
  return { ...put, draft: changed, expect: over }
}

async function drainBackend({ pendingWrites }: StorageBackend): Promise<void> {
  store.usually = 'ok'
  expect(await pendingWrites?.sync({ timeoutMs: 5_000 })).toMatchObject({ pending: 0 })
}
