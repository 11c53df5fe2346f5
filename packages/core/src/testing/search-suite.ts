import { beforeAll, describe, expect, it } from 'vitest'
import type { SearchOptions } from '../manager/store-options.ts'
import type { SuiteContext } from './backend-under-test.ts'

const DOCUMENTS = [
  {
    id: 'd1',
    data: { description: 'Coffee at the Blue Bottle', amount: 4.5 },
    metadata: { shop: 'Blue Bottle' },
  },
  { id: 'd2', data: { description: 'Coffeehouse rent', amount: 1200 }, metadata: { shop: 'Landlord' } },
  { id: 'd3', data: { description: 'Tea, not cöffee!', amount: 3 }, metadata: { shop: 'Tea Bottle' } },
  { id: 'd4', data: { description: 'Blue car, red bottle' }, metadata: {} },
  {
    id: 'd5',
    data: { description: '東京でコーヒーを飲む', nested: [{ deep: 'Straße' }] },
    metadata: { city: '東京' },
  },
]

const CASES: readonly (readonly [string, string, SearchOptions, readonly string[]])[] = [
  ['a word, its accents and its longer forms', 'coffee', {}, ['d3', 'd2', 'd1']],
  ['words in any order', 'bottle blue', {}, ['d4', 'd1']],
  ['only the last word as a beginning', 'coff blue', {}, []],
  ['the beginning of the last word', 'blue bot', {}, ['d4', 'd1']],
  ['a phrase as it stands', '"blue bottle"', {}, ['d1']],
  ['no word that is excluded', 'bottle -tea', {}, ['d4', 'd1']],
  ['everything but what is excluded', '-coffee -coffeehouse', {}, ['d5', 'd4']],
  ['a metadata field', 'shop:bottle', {}, ['d3', 'd1']],
  ['a metadata phrase', 'shop:"blue bottle"', {}, ['d1']],
  ['a number', '1200', {}, ['d2']],
  ['text without spaces between words', 'コーヒー', {}, ['d5']],
  ['a sharp s by its spelling', 'strasse', {}, ['d5']],
  ['case and width variants', 'ＢＬＵＥ', {}, ['d4', 'd1']],
  ['text inside a word', 'ffeeh', { mode: 'substring' }, ['d2']],
  ['nothing for text inside a word without substring mode', 'ffeeh', {}, []],
  ['oldest first when asked', 'bottle', { order: 'oldest' }, ['d1', 'd3', 'd4']],
  ['with filters', 'bottle', { metadata: { shop: 'Tea Bottle' } }, ['d3']],
  ['operators of a query language as plain words', 'NEAR(blue "OR* AND', {}, []],
  ['quotes and percent signs as plain text', `blue' OR 1=1 %`, {}, []],
]

export function searchSuite(context: SuiteContext): void {
  describe('search', () => {
    let module = ''
    beforeAll(async () => {
      module = context.newModule()
      // One by one, so that their order in time is known.
      for (const document of DOCUMENTS) await context.storage.storeData({ module, userId: 'u', ...document })
    })

    it.each(CASES)('finds %s: %s', async (_name, query, options, expected) => {
      const entries = await context.storage.searchEntries(module, 'u', query, options)
      expect(entries.items.map(({ id }) => id)).toEqual(expected)
      const records = await context.storage.searchData(module, 'u', query, options)
      expect(records.items.map(({ id }) => id)).toEqual(expected)
    })

    it('pages through results without repeating or missing one', async () => {
      const seen: string[] = []
      for (let cursor: string | undefined, more = true; more;) {
        const page = await context.storage.searchEntries(module, 'u', 'bottle', {
          limit: 1,
          ...(cursor !== undefined && { cursor }),
        })
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.cursor
        more = cursor !== undefined
      }
      expect(seen).toEqual(['d4', 'd3', 'd1'])
    })

    it('follows an update: the old text is gone, the new is found', async () => {
      const { storage } = context
      const own = context.newModule()
      const { id } = await storage.storeData({ module: own, userId: 'u', data: 'walrus' })
      await storage.updateData({ module: own, userId: 'u', recordId: id, data: 'penguin' })
      expect((await storage.searchEntries(own, 'u', 'walrus')).items).toEqual([])
      expect((await storage.searchEntries(own, 'u', 'penguin')).items.map((item) => item.id)).toEqual([id])
    })

    it('finds rows of jsonl records and says when a text was too long to index whole', async () => {
      const { storage } = context
      const own = context.newModule()
      const rows = Array.from({ length: 5_000 }, (_, n) => ({ title: `title${n}` }))
      const long = await storage.storeData({
        module: own,
        userId: 'u',
        data: { records: rows },
        dataFormat: 'jsonl',
      })
      expect(long.searchTruncated).toBe(true)
      expect((await storage.searchEntries(own, 'u', 'title7')).items.map(({ id }) => id)).toEqual([long.id])
    })

    it('refuses a query without a single word', async () => {
      for (const query of ['', '   ', '"!?"', '-']) {
        await expect(context.storage.searchData(module, 'u', query), query).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          details: { field: 'query' },
        })
      }
    })
  })
}
