import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './backend-under-test.ts'

export function lifecycleSuite(context: SuiteContext): void {
  describe('lifecycle', () => {
    it('reports health, backend and nothing pending', async () => {
      const { storage } = context
      expect(await storage.health()).toMatchObject({ healthy: true, message: expect.any(String) })
      expect(await storage.getStorageInfo()).toMatchObject({
        backend: expect.any(String),
        capabilities: expect.any(Object),
      })
      expect(await storage.sync()).toEqual({ pending: 0 })
    })

    it('finishes running writes before it closes, and closes twice without complaint', async () => {
      const other = await context.connect()
      const module = context.newModule()
      const storing = other.storeData({ module, userId: 'u', id: 'last', data: 'words' })
      await Promise.all([other.close(), other.close()])
      await other.close()
      const stored = await storing
      expect(await context.storage.retrieveData(module, 'u', 'last')).toEqual(stored)
    })

    it('refuses every call after it was closed', async () => {
      const other = await context.connect()
      await other.close()
      const closed = { code: 'INVALID_INPUT', message: expect.stringContaining('closed') }
      await expect(other.storeData({ module: 'm', userId: 'u', data: 1 })).rejects.toMatchObject(closed)
      await expect(other.retrieveData('m', 'u', 'x')).rejects.toMatchObject(closed)
      await expect(other.searchData('m', 'u', 'x')).rejects.toMatchObject(closed)
      await expect(other.getBlob('k')).rejects.toMatchObject(closed)
      await expect(other.health()).rejects.toMatchObject(closed)
      const iterate = async () => {
        for await (const record of other.iterateData('m', 'u')) expect(record).toBeUndefined()
      }
      await expect(iterate()).rejects.toMatchObject(closed)
    })

    it('ends an iteration that goes on after it was closed', async () => {
      const other = await context.connect()
      const module = context.newModule()
      await other.storeMany([1, 2, 3].map((data) => ({ module, userId: 'u', data })))
      const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, text: 'a row of some length' }))
      const { id } = await other.storeData({
        module,
        userId: 'rows',
        data: { records: rows },
        dataFormat: 'jsonl',
      })
      const iterations = [
        other.iterateData(module, 'u', { limit: 1 }),
        other.iterateRows(module, 'rows', id),
      ].map((iterable) => iterable[Symbol.asyncIterator]())
      for (const iteration of iterations) expect((await iteration.next()).done).toBe(false)
      await other.close()
      for (const iteration of iterations) {
        await expect(iteration.next()).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          message: expect.stringContaining('closed'),
        })
      }
    })
  })
}
