import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGate } from '../hybrid/away.fixture.ts'
import type { Gate } from '../hybrid/away.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let storage: StorageManager

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  // What is refused is not tried again within a test, except by a sync.
  storage = await openBehindOutbox(store, folder.sqlitePath, { policy: { pausedRetryMs: 60_000 } })
})
afterEach(async () => {
  await storage.close()
  await folder.remove()
})

/** Another host has stored and deleted it before: pending, it is thought to be revision 1; R2 has made 3 of it, and its answer is lost. */
async function storeAgain(): Promise<void> {
  const other = manageBackend(store.direct)
  await other.storeData({ ...AT, id: 'b', data: 'first' })
  await other.deleteData('m', 'u', 'b')
  store.fates.push('lost')
  store.usually = 'down'
  const { etag, pending } = await storage.storeData({ ...AT, id: 'b', data: 'second' })
  expect([etag.split('-')[0], pending]).toEqual(['1', true])
}

/** Of the store itself. */
async function held(): Promise<unknown[]> {
  const records = await manageBackend(store.direct).retrieveData('m', 'u')
  return records.map(({ data }) => data)
}

async function drain(): Promise<void> {
  store.usually = 'ok'
  expect(await storage.sync({ timeoutMs: 5_000 })).toMatchObject({ pending: 0 })
}

describe('a pending version that turns out to be another revision than it was thought to be', () => {
  it('is changed by a caller who has read it before that came out', async () => {
    await storeAgain()
    const change = async (current: unknown) => {
      await drain()
      store.usually = 'down'
      return `${String(current)}, changed`
    }
    const { pending } = await storage.updateData({ ...AT, recordId: 'b', data: change })
    expect(pending).toBe(true)
    await drain()
    expect(await storage.conflicts()).toEqual([])
    expect(await held()).toEqual(['second, changed'])
  })

  it('is read as what was made of it since, while the store shows it under its higher revision', async () => {
    await storeAgain()
    await storage.updateData({ ...AT, recordId: 'b', data: 'third' })
    store.usually = 'forbidden'
    await storage.sync({ timeoutMs: 40 })
    store.usually = 'ok'
    expect(await storage.retrieveData('m', 'u', 'b')).toMatchObject({ data: 'third', pending: true })
    expect(await storage.retrieveData('m', 'u')).toMatchObject([{ data: 'third', pending: true }])
    await storage.deleteData('m', 'u', 'b')
    expect(await storage.retrieveData('m', 'u', 'b')).toBeNull()
    expect(await storage.retrieveData('m', 'u')).toEqual([])
    expect(await held()).toEqual(['second'])
    await drain()
    expect(await storage.conflicts()).toEqual([])
    expect(await held()).toEqual([])
  })

  it('is sent with all that was queued over it, also when contents come again', async () => {
    await storeAgain()
    for (const data of ['third', 'second', 'third']) await storage.updateData({ ...AT, recordId: 'b', data })
    await drain()
    expect(await storage.conflicts()).toEqual([])
    expect(await held()).toEqual(['third'])
  })

  it('is changed once by two callers, of whom one has read it as it was thought to be', async () => {
    await storeAgain()
    store.usually = 'forbidden'
    await storage.sync({ timeoutMs: 40 })
    store.usually = 'down'
    const [reading, going] = [createGate(), createGate()]
    const early = storage.updateData(append('early', reading))
    await reading.reached
    store.usually = 'ok'
    const late = storage.updateData(append('late', going))
    await going.reached
    reading.open()
    await early
    going.open()
    await late
    await drain()
    expect(await storage.conflicts()).toEqual([])
    expect(await held()).toEqual(['second, early, late'])
  })
})

/** Waits at the gate when it has first read. */
function append(word: string, gate: Gate) {
  let isFirst = true
  const data = async (current: unknown) => {
    if (isFirst) await gate.pass()
    isFirst = false
    return `${String(current)}, ${word}`
  }
  return { ...AT, recordId: 'b', data }
}
