import { randomUUID } from 'node:crypto'
import type { StorageManager } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { entriesOf, openHybrid } from './hybrid.fixture.ts'
import type { HybridUnderTest } from './hybrid.fixture.ts'

let server: LocalR2
let folder: StorageFolder
let under: HybridUnderTest

beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
  under = await openHybrid(server, folder.sqlitePath)
})
afterAll(async () => {
  await under.close()
  await server.close()
  await folder.remove()
})

const newModule = () => `m-${randomUUID()}`

describe('a record that a process on R2 alone deleted', () => {
  it.each([
    ['was stored in both', false],
    ['was only in SQLite before it was updated', true],
  ])('does not come back when it %s', async (_when, promoted) => {
    const { hybrid, onR2, onSqlite, secondary } = under
    const module = newModule()
    const address = { module, userId: 'u', id: 'gone' } as const
    await (promoted ? onSqlite : hybrid).storeData({ ...address, data: 'walrus' })
    await hybrid.updateData({ module, userId: 'u', recordId: 'gone', data: 'walrus again' })
    expect(await onR2.deleteData(module, 'u', 'gone')).toBe(true)
    expect(await entriesOf(secondary, module)).toHaveLength(1)

    expect(await hybrid.retrieveData(module, 'u', 'gone')).toBeNull()
    expect(await hybrid.retrieveData(module, 'u')).toEqual([])
    expect((await hybrid.searchEntries(module, 'u', 'walrus')).items).toEqual([])
    const update = hybrid.updateData({ module, userId: 'u', recordId: 'gone', data: 1 })
    await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await hybrid.deleteData(module, 'u', 'gone')).toBe(false)

    const again = await hybrid.storeData({ ...address, data: 'walrus' })
    expect(again.revision).toBe(4)
    expect(await hybrid.retrieveData(module, 'u', 'gone')).toEqual(again)
    expect((await onSqlite.retrieveData(module, 'u', 'gone'))?.etag).toBe(again.etag)
  })

  it.each(['oldest', 'newest'] as const)(
    'leaves its place in a listing when R2 uses its id again, %s first',
    async (order) => {
      const { hybrid, onR2 } = under
      const module = newModule()
      const store = (storage: StorageManager, id: string, data: string) =>
        storage.storeData({ module, userId: 'u', id, data })
      await store(hybrid, 'x', 'walrus')
      await onR2.deleteData(module, 'u', 'x')
      await store(onR2, 'y', 'walrus too')
      await store(onR2, 'x', 'walrus again')
      for (const list of [
        (cursor: object) => hybrid.listEntries(module, 'u', { order, limit: 1, ...cursor }),
        (cursor: object) => hybrid.searchEntries(module, 'u', 'walrus', { order, limit: 1, ...cursor }),
      ]) {
        const ids: string[] = []
        for (let cursor: string | undefined = ''; cursor !== undefined;) {
          const page = await list(cursor === '' ? {} : { cursor })
          ids.push(...page.items.map(({ id }) => id))
          cursor = page.cursor
        }
        expect(ids).toEqual(order === 'oldest' ? ['y', 'x'] : ['x', 'y'])
      }
    },
  )

  it('leaves its id to a later record that is only in SQLite', async () => {
    const { hybrid, onSqlite } = under
    const module = newModule()
    const first = await hybrid.storeData({ module, userId: 'u', id: 'x', data: 1 })
    await hybrid.deleteData(module, 'u', 'x')
    const later = await onSqlite.storeData({ module, userId: 'u', id: 'x', data: 2 })
    // Being stored at another time is what makes it another record; a commit takes longer than a millisecond.
    expect(later.timestamp > first.timestamp).toBe(true)
    expect(await hybrid.retrieveData(module, 'u', 'x')).toEqual(later)
    expect((await hybrid.retrieveData(module, 'u')).map(({ data }) => data)).toEqual([2])
  })

  it.each(['updated', 'deleted', 'updated in R2 later'])(
    'may be another than the one that has its id in SQLite alone and is %s',
    async (how) => {
      const { hybrid, onR2, onSqlite, primary, secondary } = under
      const module = newModule()
      const address = { module, userId: 'u', id: 'x' } as const
      await onR2.storeData({ ...address, data: 'earlier' })
      await onR2.updateData({ module, userId: 'u', recordId: 'x', data: 'earlier' })
      await onR2.deleteData(module, 'u', 'x')
      const { etag } = await onSqlite.storeData({ ...address, data: 'mine' })
      const update = { module, userId: 'u', recordId: 'x', data: 'changed' } as const
      if (how === 'deleted') {
        expect(await hybrid.deleteData(module, 'u', 'x')).toBe(true)
      } else if (how === 'updated') {
        expect(await hybrid.updateData(update)).toMatchObject({ revision: 5 })
      } else {
        // The version it names has another name from now on, and nothing is lost.
        await expect(hybrid.updateData({ ...update, ifMatch: etag })).rejects.toMatchObject({
          code: 'PRECONDITION_FAILED',
        })
        expect(await hybrid.retrieveData(module, 'u', 'x')).toMatchObject({ data: 'mine', revision: 4 })
        expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
        await onR2.updateData(update)
      }
      const left = (await hybrid.retrieveData(module, 'u')).map(({ data }) => data)
      expect(left).toEqual(how === 'deleted' ? [] : ['changed'])
    },
  )
})

describe('a blob that a process on R2 alone deleted', () => {
  it.each([
    ['was stored in both', false],
    ['was only in SQLite before it was replaced', true],
  ])('does not come back when it %s', async (_when, promoted) => {
    const { hybrid, onR2, onSqlite } = under
    const key = newModule()
    const { etag } = await (promoted ? onSqlite : hybrid).putBlob(key, 1)
    await hybrid.putBlob(key, 2, { ifMatch: etag })
    expect(await onR2.deleteBlob(key)).toBe(true)
    expect((await onSqlite.getBlob(key))?.value).toBe(2)
    expect(await hybrid.getBlob(key)).toBeNull()
    expect(await hybrid.deleteBlob(key)).toBe(false)
    await hybrid.putBlob(key, 3, { ifNoneMatch: '*' })
    expect((await hybrid.getBlob(key))?.value).toBe(3)
  })

  it('may be stored again in SQLite alone once both have deleted it', async () => {
    const { hybrid, onSqlite } = under
    const key = newModule()
    await hybrid.putBlob(key, 1)
    expect(await hybrid.deleteBlob(key)).toBe(true)
    await onSqlite.putBlob(key, 1)
    expect((await hybrid.getBlob(key))?.value).toBe(1)
  })

  it('does not come back when it was the same in SQLite before R2 had it, and was read since', async () => {
    const { hybrid, onR2, onSqlite } = under
    const key = newModule()
    await onSqlite.putBlob(key, 1)
    await onR2.putBlob(key, 1)
    expect((await hybrid.getBlob(key))?.value).toBe(1)
    await onR2.deleteBlob(key)
    expect(await hybrid.getBlob(key)).toBeNull()
  })
})

describe('a record that another process copies to R2 and updates', () => {
  it.each<[string, (storage: StorageManager, module: string, id: string) => Promise<unknown>]>([
    ['retrieved', (storage, module, id) => storage.retrieveData(module, 'u', id)],
    ['listed', async (storage, module) => (await storage.retrieveData(module, 'u'))[0]],
    ['searched for', async (storage, module) => (await storage.searchData(module, 'u', 'walrus')).items[0]],
  ])('is found just then when it is %s', async (_how, read) => {
    const module = newModule()
    const { id } = await under.onSqlite.storeData({ module, userId: 'u', data: 'walrus' })
    let overtaken = false
    const overtake = async <T>(answer: T): Promise<T> => {
      if (!overtaken) {
        overtaken = true
        await under.hybrid.updateData({ module, userId: 'u', recordId: id, data: 'walrus again' })
      }
      return answer
    }
    const slow = await openHybrid(server, folder.sqlitePath, {
      primary: (backend) => ({
        ...backend,
        // R2 has answered that it does not have the record; then it gets it.
        getEntry: async (...args) => overtake(await backend.getEntry(...args)),
        findEntries: async (...args) => overtake(await backend.findEntries(...args)),
      }),
    })
    expect(await read(slow.hybrid, module, id)).toMatchObject({ data: 'walrus again', storageBackend: 'r2' })
    expect(overtaken).toBe(true)
    await slow.close()
  })
})
