import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './backend-under-test.ts'

export function importSuite(context: SuiteContext): void {
  describe('imports', () => {
    it('stores every record of an async iterable as single stores would', async () => {
      const { storage } = context
      const module = context.newModule()
      const progress: number[] = []
      async function* requests() {
        for (let n = 0; n < 30; n++) yield { data: { n, word: `word${n}` }, metadata: { even: n % 2 === 0 } }
      }
      const report = await storage.importData(module, 'u', requests(), {
        onProgress: ({ committed }) => progress.push(committed),
      })
      expect(report).toEqual({ committed: 30 })
      expect(progress.at(-1)).toBe(30)
      const records = await storage.retrieveData(module, 'u')
      const expected = Array.from({ length: 30 }, (_, n) => ({ n, word: `word${n}` }))
      expect(records.map(({ data }) => data)).toEqual(expected)
      expect(records.every(({ revision }) => revision === 1)).toBe(true)
      const found = await storage.searchEntries(module, 'u', 'word7')
      expect(found.items.map(({ id }) => id)).toEqual([records[7]?.id])
      const even = await storage.listEntries(module, 'u', { metadata: { even: true } })
      expect(even.items).toHaveLength(15)
    })

    it('is seen by another connection, which updates and deletes what was imported', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeData({ module, userId: 'u', id: 'before', data: 0 })
      await storage.importData(module, 'u', [
        { id: 'a', data: 1 },
        { id: 'b', data: 2 },
      ])
      const other = await context.connect()
      await other.updateData({ module, userId: 'u', recordId: 'a', data: 10 })
      expect(await other.deleteData(module, 'u', 'b')).toBe(true)
      const records = await storage.retrieveData(module, 'u')
      expect(new Map(records.map(({ id, data }) => [id, data]))).toEqual(
        new Map([
          ['before', 0],
          ['a', 10],
        ]),
      )
    })

    it('counts revisions on for ids that were deleted before', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeData({ module, userId: 'u', id: 'again', data: 1 })
      await storage.deleteData(module, 'u', 'again')
      await storage.importData(module, 'u', [{ id: 'again', data: 2 }])
      expect(await storage.retrieveData(module, 'u', 'again')).toMatchObject({ data: 2, revision: 3 })
    })

    it('refuses ids that are taken, by name, and stores nothing of that commit', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeData({ module, userId: 'u', id: 'taken', data: 1 })
      const importing = storage.importData(module, 'u', [
        { id: 'new', data: 2 },
        { id: 'taken', data: 3 },
      ])
      await expect(importing).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        details: { ids: ['taken'], committed: 0 },
      })
      expect((await storage.retrieveData(module, 'u')).map(({ data }) => data)).toEqual([1])
    })

    it('refuses an id that occurs twice', async () => {
      const { storage } = context
      const module = context.newModule()
      const importing = storage.importData(module, 'u', [
        { id: 'twice', data: 1 },
        { id: 'once', data: 2 },
        { id: 'twice', data: 3 },
      ])
      await expect(importing).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        details: { ids: ['twice'], committed: 0 },
      })
      expect(await storage.retrieveData(module, 'u')).toEqual([])
    })

    it('refuses bad input with its place, and records of another namespace', async () => {
      const { storage } = context
      const module = context.newModule()
      const bad = storage.importData(module, 'u', [{ data: 1 }, { data: undefined }])
      await expect(bad).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { index: 1, committed: 0 } })
      const foreign = storage.importData(module, 'u', [{ module: 'other', userId: 'u', data: 1 }])
      await expect(foreign).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { index: 0 } })
      expect(await storage.retrieveData(module, 'u')).toEqual([])
    })

    it('ends with the error of the source, and stores nothing of what it did not commit', async () => {
      const { storage } = context
      const module = context.newModule()
      async function* requests() {
        yield { data: 1 }
        throw new Error('the source broke')
      }
      await expect(storage.importData(module, 'u', requests())).rejects.toThrow('the source broke')
      expect(await storage.retrieveData(module, 'u')).toEqual([])
    })

    it('imports nothing from nothing', async () => {
      const module = context.newModule()
      expect(await context.storage.importData(module, 'u', [])).toEqual({ committed: 0 })
    })
  })
}
