import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
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
  storage = await openBehindOutbox(store, folder.sqlitePath)
  await storage.storeData({ ...AT, id: 'a', data: 0 })
})
afterEach(async () => {
  await storage.close()
  await folder.remove()
})

const increment = (current: unknown) => Number(current) + 1
const update = (data: (current: unknown) => unknown) => storage.updateData({ ...AT, recordId: 'a', data })

/** Of the store, when all is sent; nothing may be listed. */
async function heldInTheEnd(): Promise<unknown> {
  store.usually = 'ok'
  expect(await storage.sync({ timeoutMs: 5_000 })).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toEqual([])
  return (await manageBackend(store.direct).retrieveData('m', 'u', 'a'))?.data
}

it('makes of changes that are on their way when the store fails one after the other, all pending', async () => {
  store.fates.push(...Array<'ok'>(5).fill('ok'))
  store.usually = 'down'
  const changed = await Promise.all(Array.from({ length: 5 }, () => update(increment)))
  expect(changed.map(({ data }) => Number(data)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
  expect(await heldInTheEnd()).toBe(5)
})

it('makes a change anew over one that was committed since it had read, when the store fails right after', async () => {
  let isFirst = true
  const { pending } = await update(async (current) => {
    if (isFirst) {
      isFirst = false
      await update(increment)
      store.usually = 'down'
    }
    return Number(current) + 10
  })
  expect(pending).toBe(true)
  expect(await heldInTheEnd()).toBe(11)
})

it.each(['fails', 'is left alone'])(
  'says that there is no record to change when it was deleted since, and the store %s',
  async (how) => {
    const change = update(async (current) => {
      await storage.deleteData('m', 'u', 'a')
      store.usually = 'down'
      if (how === 'is left alone') for (let n = 0; n < 3; n++) await storage.retrieveData('m', 'u')
      return current
    })
    await expect(change).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await heldInTheEnd()).toBeUndefined()
  },
)

it('foresees for a creation that it takes the place of another one, which may be refused', async () => {
  await manageBackend(store.direct).storeData({ ...AT, id: 'taken', data: 0 })
  store.usually = 'down'
  const storeBoth = (other: string) =>
    storage.storeMany(['new', other].map((id) => ({ ...AT, id, data: other })))
  const [, [second]] = await Promise.all([storeBoth('taken'), storeBoth('free')])
  store.usually = 'ok'
  expect(await storage.sync({ timeoutMs: 5_000 })).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toMatchObject([{ recordIds: ['new', 'taken'] }])
  expect(second?.etag).toBe((await storage.retrieveData('m', 'u', 'new'))?.etag)
})

it('shows a pending version over the one that another process has deleted, and changes it', async () => {
  const link = { isCut: false }
  const cutOff = await openBehindOutbox(store, folder.sqlitePath, { link, policy: { breakMs: 60_000 } })
  await storage.updateData({ ...AT, recordId: 'a', data: 'before' })
  await cutOff.retrieveData('m', 'u')
  link.isCut = true
  await storage.deleteData('m', 'u', 'a')
  await storage.close()
  await cutOff.storeData({ ...AT, id: 'a', data: 'after' })
  expect(await cutOff.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'after', pending: true })
  await cutOff.updateData({ ...AT, recordId: 'a', data: (current: unknown) => `${String(current)}, changed` })
  link.isCut = false
  storage = cutOff
  expect(await heldInTheEnd()).toBe('after, changed')
})
