import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
/** Of the process that loses the store. */
let link: { isCut: boolean }
let cutOff: StorageManager
let connected: StorageManager

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  link = { isCut: false }
  cutOff = await openBehindOutbox(store, folder.sqlitePath, {
    link,
    policy: { breakMs: 60_000, maxBreakMs: 60_000 },
  })
  connected = await openBehindOutbox(store, folder.sqlitePath)
})
afterEach(async () => {
  await cutOff.close()
  await connected.close()
  await folder.remove()
})

/** Sees the namespace, then loses the store, and has noticed. */
async function cutOffNow(): Promise<void> {
  await cutOff.retrieveData('m', 'u')
  link.isCut = true
  for (let tries = 0; tries < 3; tries++) await cutOff.retrieveData('m', 'u')
}

const idsSeen = async (storage: StorageManager) =>
  (await storage.retrieveData('m', 'u')).map(({ id }) => id).toSorted()

describe('a process that lost the store, on an outbox shared with one that has it,', () => {
  it('reads what the other has stored, changed and deleted since', async () => {
    await connected.storeData({ ...AT, id: 'changed', data: 1 })
    await connected.storeData({ ...AT, id: 'deleted', data: 1 })
    await cutOffNow()
    await connected.storeData({ ...AT, id: 'new', data: 1 })
    await connected.updateData({ ...AT, recordId: 'changed', data: 2 })
    await connected.deleteData('m', 'u', 'deleted')
    expect(await cutOff.retrieveData('m', 'u', 'new')).toMatchObject({
      data: 1,
      pending: false,
      stale: { pending: 0 },
    })
    expect(await cutOff.retrieveData('m', 'u', 'changed')).toMatchObject({ data: 2, revision: 2 })
    expect(await cutOff.retrieveData('m', 'u', 'deleted')).toBeNull()
    expect(await idsSeen(cutOff)).toEqual(['changed', 'new'])
  })

  it('reads what the other has stored since it sent something itself and read what it remembers of that', async () => {
    link.isCut = true
    expect(await cutOff.storeData({ ...AT, id: 'mine', data: 1 })).toMatchObject({ pending: true })
    link.isCut = false
    await cutOff.sync()
    await connected.storeData({ ...AT, id: 'theirs', data: 1 })
    await cutOff.listEntries('m', 'u', { consistency: { maxAgeMs: Infinity } })
    link.isCut = true
    expect(await idsSeen(cutOff)).toEqual(['mine', 'theirs'])
  })

  it('changes and deletes what the other has stored since', async () => {
    await cutOffNow()
    await connected.storeData({ ...AT, id: 'a', data: 1 })
    await connected.storeData({ ...AT, id: 'b', data: 1 })
    expect(await cutOff.deleteData('m', 'u', 'a')).toBe(true)
    await cutOff.updateData({ ...AT, recordId: 'b', data: 2 })
    await connected.sync()
    expect(await manageBackend(store.direct).retrieveData('m', 'u')).toMatchObject([{ id: 'b', data: 2 }])
    expect(await connected.conflicts()).toEqual([])
  })

  it('is refused at once what conflicts with what the other has stored since', async () => {
    await cutOffNow()
    await connected.storeData({ ...AT, id: 'a', data: 1 })
    await expect(cutOff.storeData({ ...AT, id: 'a', data: 2 })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
  })

  it('does not bring back what somebody else had deleted before it saw the store last', async () => {
    const { id } = await connected.storeData({ ...AT, data: 1 })
    const elsewhere = manageBackend(store.direct)
    await elsewhere.deleteData('m', 'u', id)
    await cutOffNow()
    expect(await idsSeen(cutOff)).toEqual([])
    expect(await cutOff.deleteData('m', 'u', id)).toBe(false)
  })

  it('finds a record used again under the revision it really has', async () => {
    const elsewhere = manageBackend(store.direct)
    await elsewhere.storeData({ ...AT, id: 'again', data: 1 })
    await elsewhere.updateData({ ...AT, recordId: 'again', data: 2 })
    await elsewhere.deleteData('m', 'u', 'again')
    await cutOffNow()
    const { revision } = await connected.storeData({ ...AT, id: 'again', data: 3 })
    expect(await cutOff.retrieveData('m', 'u', 'again')).toMatchObject({ data: 3, revision })
  })
})

describe('when the other has sent more than the file keeps', () => {
  it('reads reject rather than leave something out', async () => {
    const few = await openBehindOutbox(store, folder.sqlitePath, { limits: { keepBytes: 4_000 } })
    try {
      await cutOffNow()
      for (let n = 0; n < 20; n++) await few.storeData({ ...AT, id: `r${n}`, data: n })
      await expect(cutOff.retrieveData('m', 'u')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await expect(cutOff.retrieveData('m', 'u', 'r0')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      const { id } = await cutOff.storeData({ ...AT, data: 'mine' })
      expect(await cutOff.retrieveData('m', 'u', id)).toMatchObject({ data: 'mine' })
    } finally {
      await few.close()
    }
  })

  it('a write is not refused over what was seen before that', async () => {
    const few = await openBehindOutbox(store, folder.sqlitePath, { limits: { keepBytes: 0 } })
    try {
      await connected.storeData({ ...AT, id: 'a', data: 'old' })
      await cutOffNow()
      await few.deleteData('m', 'u', 'a')
      expect(await cutOff.storeData({ ...AT, id: 'a', data: 'new' })).toMatchObject({ pending: true })
      await few.sync()
      expect(await few.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'new' })
    } finally {
      await few.close()
    }
  })
})
