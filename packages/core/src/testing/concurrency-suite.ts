import { describe, expect, it } from 'vitest'
import { hasErrorCode } from '../errors/umbra-error.ts'
import type { SuiteContext } from './backend-under-test.ts'

const WRITERS = 16

export function concurrencySuite(context: SuiteContext): void {
  describe('concurrency', () => {
    it('lets exactly one of 16 writers win each round, and loses no round', async () => {
      const { storage } = context
      const connections = [storage, await context.connect()]
      const module = context.newModule()
      const { id, etag } = await storage.storeData({ module, userId: 'u', data: { winners: [] as string[] } })
      let current = etag
      const winners: string[] = []
      for (let round = 0; round < 5; round++) {
        const attempts = await Promise.allSettled(
          Array.from({ length: WRITERS }, async (_, writer) => {
            const name = `${round}-${writer}`
            const via = connections[writer % connections.length] ?? storage
            const data = { winners: [...winners, name] }
            const record = await via.updateData({ module, userId: 'u', recordId: id, data, ifMatch: current })
            return { name, etag: record.etag }
          }),
        )
        const won = attempts.filter((attempt) => attempt.status === 'fulfilled')
        const lost = attempts.filter((attempt) => attempt.status === 'rejected')
        expect(won).toHaveLength(1)
        expect(lost.every(({ reason }) => hasErrorCode(reason, 'PRECONDITION_FAILED'))).toBe(true)
        current = won[0]?.value.etag ?? ''
        winners.push(won[0]?.value.name ?? '')
      }
      expect((await storage.retrieveData(module, 'u', id))?.data).toEqual({ winners })
    })

    it('applies every one of 32 concurrent increments exactly once', async () => {
      const { storage } = context
      const connections = [storage, await context.connect()]
      const module = context.newModule()
      const { id } = await storage.storeData({ module, userId: 'u', data: { n: 0 } })
      await Promise.all(
        Array.from({ length: 32 }, (_, index) =>
          (connections[index % 2] ?? storage).updateData({
            module,
            userId: 'u',
            recordId: id,
            data: (current: { n: number }) => ({ n: current.n + 1 }),
          }),
        ),
      )
      expect(await storage.retrieveData(module, 'u', id)).toMatchObject({ data: { n: 32 }, revision: 33 })
    })

    it('lets exactly one of 16 writers create an id', async () => {
      const { storage } = context
      const connections = [storage, await context.connect()]
      const module = context.newModule()
      const attempts = await Promise.allSettled(
        Array.from({ length: WRITERS }, (_, writer) =>
          (connections[writer % 2] ?? storage).storeData({
            module,
            userId: 'u',
            id: 'the one',
            data: writer,
          }),
        ),
      )
      const won = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
      expect(won).toHaveLength(1)
      const lost = attempts.filter((attempt) => attempt.status === 'rejected')
      expect(lost.every(({ reason }) => hasErrorCode(reason, 'ALREADY_EXISTS'))).toBe(true)
      expect(await storage.retrieveData(module, 'u', 'the one')).toEqual(won[0])
    })

    it('keeps every one of 100 records stored at the same time into a new namespace', async () => {
      const { storage } = context
      const connections = [storage, await context.connect()]
      const module = context.newModule()
      const stored = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          (connections[n % 2] ?? storage).storeData({ module, userId: 'u', data: { n } }),
        ),
      )
      const found = await storage.retrieveData(module, 'u')
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(stored.map(({ id }) => id)))
      expect(found.map(({ data }) => (data as { n: number }).n).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 100 }, (_, n) => n),
      )
    })

    it('never shows half a record to a reader while writers replace it', async () => {
      const { storage } = context
      const other = await context.connect()
      const module = context.newModule()
      const whole = (n: number) => ({ n, copies: Array.from({ length: 200 }, () => n) })
      const { id } = await storage.storeData({ module, userId: 'u', data: whole(0) })
      const state = { writing: true }
      const writer = (async () => {
        for (let n = 1; n <= 20; n++)
          await storage.updateData({ module, userId: 'u', recordId: id, data: whole(n) })
        state.writing = false
      })()
      let last = 0
      while (state.writing) {
        const seen = (await other.retrieveData(module, 'u', id))?.data as ReturnType<typeof whole>
        expect(seen.copies.every((copy) => copy === seen.n)).toBe(true)
        expect(seen.n).toBeGreaterThanOrEqual(last)
        last = seen.n
        // A backend that answers without waiting would otherwise never let the writer run.
        await new Promise(setImmediate)
      }
      await writer
    })
  })
}
