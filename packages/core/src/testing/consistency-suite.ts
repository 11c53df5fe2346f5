import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './backend-under-test.ts'

export function consistencySuite(context: SuiteContext): void {
  describe('consistency', () => {
    it('a strong read sees what another process was told is stored', async () => {
      const other = await context.connect()
      const module = context.newModule()
      await context.storage.retrieveData(module, 'u')
      const stored = await other.storeData({ module, userId: 'u', id: 'a', data: 1 })
      expect(await context.storage.retrieveData(module, 'u', 'a', { consistency: 'strong' })).toEqual(stored)
    })

    it('every kind of read can be strong', async () => {
      const other = await context.connect()
      const { storage } = context
      const at = [context.newModule(), 'u'] as const
      const strong = { consistency: 'strong' } as const
      expect(await storage.retrieveData(...at, undefined, strong)).toEqual([])
      const records = [{ text: 'walnut' }]
      const rows = { module: at[0], userId: 'u', id: 'a', dataFormat: 'jsonl', data: { records } } as const
      const stored = await other.storeData(rows)
      const { data: _data, ...info } = stored
      expect(await storage.retrieveData(...at, undefined, strong)).toEqual([stored])
      expect(await storage.retrieveInfo(...at, 'a', strong)).toEqual(info)
      expect(await storage.listData(...at, strong)).toEqual({ items: [stored] })
      expect(await storage.searchEntries(...at, 'walnut', strong)).toEqual({ items: [info] })
      for await (const row of storage.iterateRows(...at, 'a', strong)) expect(row).toEqual(records[0])
      for await (const record of storage.iterateData(...at, strong)) expect(record).toEqual(stored)
    })

    it('a read that may be old is never older than it may be, and sees its own writes', async () => {
      const { storage } = context
      const module = context.newModule()
      const stored = await storage.storeData({ module, userId: 'u', id: 'a', data: 1 })
      for (const maxAgeMs of [0, 60_000, Number.POSITIVE_INFINITY]) {
        const options = { consistency: { maxAgeMs } }
        expect(await storage.retrieveData(module, 'u', 'a', options)).toEqual(stored)
        expect((await storage.listData(module, 'u', options)).items).toEqual([stored])
      }
      const other = await context.connect()
      await other.updateData({ module, userId: 'u', recordId: 'a', data: 2 })
      const fresh = await storage.retrieveData(module, 'u', 'a', { consistency: { maxAgeMs: 0 } })
      expect(fresh?.data).toBe(2)
    })

    it('a pinned version stays as it is while others write, or is refused with the reason', async () => {
      const { storage } = context
      const module = context.newModule()
      await storage.storeMany(
        Array.from({ length: 5 }, (_, n) => ({ module, userId: 'u', id: `r${n}`, data: { n } })),
      )
      const { capabilities } = await storage.getStorageInfo()
      if (capabilities.snapshots !== true) {
        await expect(storage.pinSnapshot(module, 'u')).rejects.toMatchObject({
          code: 'UNSUPPORTED',
          message: expect.stringContaining(capabilities.snapshots.missing),
        })
        return
      }
      const before = await storage.listData(module, 'u')
      const pin = await storage.pinSnapshot(module, 'u')
      expect(pin).toMatchObject({ version: expect.any(Number), at: expect.any(String) })
      await storage.updateData({ module, userId: 'u', recordId: 'r1', data: { n: 'changed' } })
      await storage.deleteData(module, 'u', 'r2')
      for (let n = 5; n < 15; n++) await storage.storeData({ module, userId: 'u', id: `r${n}`, data: { n } })
      const consistency = { snapshot: pin.snapshot }
      expect(await storage.listData(module, 'u', { consistency })).toEqual(before)
      expect((await storage.retrieveData(module, 'u', 'r2', { consistency }))?.data).toEqual({ n: 2 })
      expect(await storage.retrieveData(module, 'u', 'r9', { consistency })).toBeNull()
      storage.releaseSnapshot(pin.snapshot)
      storage.releaseSnapshot(pin.snapshot)
      await expect(storage.listData(module, 'u', { consistency })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })
    })

    it('a pinned version belongs to its namespace', async () => {
      const { storage } = context
      const module = context.newModule()
      const { capabilities } = await storage.getStorageInfo()
      if (capabilities.snapshots !== true) return expect(capabilities.snapshots.missing).not.toBe('')
      const { snapshot } = await storage.pinSnapshot(module, 'u')
      const reading = storage.listData(module, 'other', { consistency: { snapshot } })
      await expect(reading).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      storage.releaseSnapshot(snapshot)
    })

    it.each([
      ['a word', 'weak'],
      ['a negative age', { maxAgeMs: -1 }],
      ['an empty name', { snapshot: '' }],
      ['both', { maxAgeMs: 1, snapshot: 's' }],
    ])('refuses %s as consistency', async (_name, consistency) => {
      const options = { consistency } as never
      await expect(context.storage.listData('m', 'u', options)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })
    })

    it('a hard deletion leaves nothing to read, also of a record that was deleted before', async () => {
      const { storage } = context
      const module = context.newModule()
      for (const id of ['a', 'b', 'c'])
        await storage.storeData({ module, userId: 'u', id, data: `text ${id}` })
      await storage.updateData({ module, userId: 'u', recordId: 'a', data: 'text a2' })
      expect(await storage.deleteData(module, 'u', 'a', { hard: true })).toBe(true)
      expect(await storage.deleteData(module, 'u', 'b')).toBe(true)
      expect(await storage.deleteData(module, 'u', 'b', { hard: true })).toBe(false)
      expect(await storage.deleteData(module, 'u', 'never', { hard: true })).toBe(false)
      expect((await storage.retrieveData(module, 'u')).map(({ id }) => id)).toEqual(['c'])
      expect(await storage.retrieveData(module, 'u', 'a')).toBeNull()
      const again = await storage.storeData({ module, userId: 'u', id: 'a', data: 'new' })
      expect(await storage.retrieveData(module, 'u', 'a')).toEqual(again)
    })
  })
}
