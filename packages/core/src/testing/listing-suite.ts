import { describe, expect, it } from 'vitest'
import type { ListOptions } from '../manager/store-options.ts'
import type { SuiteContext } from './backend-under-test.ts'

export function listingSuite(context: SuiteContext): void {
  describe('listing', () => {
    it('returns all of 600 records, oldest first, whole and page by page', { timeout: 240_000 }, async () => {
      const { storage } = context
      const module = context.newModule()
      const count = 600
      const requests = Array.from({ length: count }, (_, n) => ({ module, userId: 'u', data: n }))
      for (let start = 0; start < count; start += 200)
        await storage.storeMany(requests.slice(start, start + 200))
      const all = await storage.retrieveData(module, 'u')
      expect(all.map(({ data }) => data)).toEqual(requests.map(({ data }) => data))
      const paged: string[] = []
      let pages = 0
      for (let cursor: string | undefined, more = true; more; pages++) {
        const page = await storage.listEntries(module, 'u', {
          limit: 249,
          ...(cursor !== undefined && { cursor }),
        })
        paged.push(...page.items.map(({ id }) => id))
        cursor = page.cursor
        more = cursor !== undefined
      }
      expect(pages).toBe(3)
      expect(paged).toEqual(all.map(({ id }) => id))
    })

    it('orders and filters by time, format and metadata', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({
        module,
        userId: 'u',
        id: 'a',
        data: 1,
        metadata: { tag: 'x', n: 1 },
      })
      const second = await storage.storeData({
        module,
        userId: 'u',
        id: 'b',
        data: { records: [] },
        dataFormat: 'jsonl',
        metadata: { tag: 'x', n: 2 },
      })
      const third = await storage.storeData({
        module,
        userId: 'u',
        id: 'c',
        data: 3,
        metadata: { tag: 'y', n: 1 },
      })
      const ids = async (options: ListOptions) =>
        (await storage.listEntries(module, 'u', options)).items.map(({ id }) => id)
      expect(await ids({})).toEqual(['a', 'b', 'c'])
      expect(await ids({ order: 'newest' })).toEqual(['c', 'b', 'a'])
      expect(await ids({ dataFormat: 'jsonl' })).toEqual(['b'])
      expect(await ids({ metadata: { tag: 'x' } })).toEqual(['a', 'b'])
      expect(await ids({ metadata: { tag: 'x', n: 1 } })).toEqual(['a'])
      expect(await ids({ metadata: { n: '1' } })).toEqual([])
      expect(await ids({ from: first.timestamp, to: new Date(Date.parse(third.timestamp) + 1) })).toEqual([
        'a',
        'b',
        'c',
      ])
      expect(await ids({ to: first.timestamp })).toEqual([])
      expect(await ids({ from: new Date(Date.parse(third.timestamp) + 1) })).toEqual([])
      expect((await storage.listData(module, 'u', { metadata: { n: 2 } })).items).toEqual([
        await storage.retrieveData(module, 'u', second.id),
      ])
    })

    it('gives a cursor exactly when there is more', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeMany(['a', 'b', 'c'].map((id) => ({ module, userId: 'u', id, data: id })))
      expect(await storage.listEntries(module, 'u', { limit: 3 })).not.toHaveProperty('cursor')
      const page = await storage.listEntries(module, 'u', { limit: 2 })
      expect(page).toHaveProperty('cursor')
      const rest = await storage.listEntries(module, 'u', { limit: 2, cursor: page.cursor ?? '' })
      expect(rest.items.map(({ id }) => id)).toEqual(['c'])
      expect(rest).not.toHaveProperty('cursor')
    })

    it('iterates over everything with data', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeMany(Array.from({ length: 25 }, (_, n) => ({ module, userId: 'u', data: n })))
      const seen: unknown[] = []
      for await (const record of storage.iterateData(module, 'u', { limit: 10 })) seen.push(record.data)
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => n))
    })

    it('refuses a cursor that is not from this kind of listing', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeMany([1, 2].map((data) => ({ module, userId: 'u', data })))
      const { cursor = '' } = await storage.listEntries(module, 'u', { limit: 1 })
      const refused = { code: 'INVALID_INPUT', details: { field: 'cursor' } }
      await expect(storage.listEntries(module, 'u', { order: 'newest', cursor })).rejects.toMatchObject(
        refused,
      )
      await expect(storage.listEntries(module, 'u', { cursor: 'nonsense' })).rejects.toMatchObject(refused)
    })
  })
}
