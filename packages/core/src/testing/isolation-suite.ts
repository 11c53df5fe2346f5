import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './backend-under-test.ts'

/** Names that a careless key scheme would confuse with one another. */
const USERS = [
  'foo',
  'foobar',
  'fo',
  'foo/bar',
  'foo%2Fbar',
  'foo bar',
  'Foo',
  '.',
  '..',
  '../foo',
  'föö',
  'foo~1',
  '日本',
  '*',
  "'",
  '\\',
  'foo\n',
]

export function isolationSuite(context: SuiteContext): void {
  describe('isolation', () => {
    it('keeps namespaces with confusable names apart in every read', async () => {
      const { storage } = context
      const module = context.newModule()
      for (const userId of USERS)
        await storage.storeData({ module, userId, id: 'same', data: `secret of ${userId}` })
      for (const userId of USERS) {
        const own = [`secret of ${userId}`]
        expect((await storage.retrieveData(module, userId)).map(({ data }) => data)).toEqual(own)
        expect((await storage.searchData(module, userId, 'secret')).items.map(({ data }) => data)).toEqual(
          own,
        )
        expect((await storage.retrieveData(module, userId, 'same'))?.userId).toBe(userId)
      }
    })

    it('changes nothing in a sibling namespace', async () => {
      const { storage } = context
      const module = context.newModule()
      const kept = await storage.storeData({ module, userId: 'foobar', id: 'same', data: 'kept' })
      await storage.storeData({ module, userId: 'foo', id: 'same', data: 'mine' })
      await storage.updateData({ module, userId: 'foo', recordId: 'same', data: 'changed' })
      await storage.deleteData(module, 'foo', 'same')
      expect(await storage.retrieveData(module, 'foobar')).toEqual([kept])
    })

    it('treats two unicode spellings of a name as one', async () => {
      const { storage } = context
      const module = context.newModule()
      const stored = await storage.storeData({ module, userId: 'Zo\u{eb}', id: 'caf\u{e9}', data: 1 })
      expect(await storage.retrieveData(module, 'Zoe\u{308}', 'cafe\u{301}')).toEqual(stored)
    })

    it('accepts ids that look like keys of something else', async () => {
      const { storage } = context
      const module = context.newModule()
      for (const id of ['manifest.jsonl', 'a~2-x', 'a', '..', 'a/b', 'a.json', '%2e', '😀']) {
        const stored = await storage.storeData({ module, userId: 'u', id, data: id })
        expect(await storage.retrieveData(module, 'u', id)).toEqual(stored)
      }
      expect(await storage.retrieveData(module, 'u')).toHaveLength(8)
    })
  })
}
