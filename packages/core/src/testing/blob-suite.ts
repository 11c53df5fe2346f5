import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hasErrorCode } from '../errors/umbra-error.ts'
import type { SuiteContext } from './backend-under-test.ts'

export function blobSuite(context: SuiteContext): void {
  describe('blobs', () => {
    it('stores, replaces and deletes a value under a key', async () => {
      const { storage } = context
      const key = context.newModule()
      expect(await storage.getBlob(key)).toBeNull()
      const first = await storage.putBlob(key, { theme: 'dark' })
      expect(first.etag).toBe(createHash('md5').update('{"theme":"dark"}').digest('hex'))
      expect(await storage.getBlob(key)).toEqual({ value: { theme: 'dark' }, ...first })
      expect(await storage.getBlob(key, { consistency: 'strong' })).toEqual(await storage.getBlob(key))
      await storage.putBlob(key, ['light', 'ü', null])
      expect((await storage.getBlob(key))?.value).toEqual(['light', 'ü', null])
      expect(await storage.deleteBlob(key)).toBe(true)
      expect(await storage.deleteBlob(key)).toBe(false)
      expect(await storage.getBlob(key)).toBeNull()
    })

    it('replaces and deletes only the version it names', async () => {
      const { storage } = context
      const key = context.newModule()
      const first = await storage.putBlob(key, 1, { ifNoneMatch: '*' })
      const taken = { code: 'PRECONDITION_FAILED', details: { currentEtag: first.etag } }
      await expect(storage.putBlob(key, 2, { ifNoneMatch: '*' })).rejects.toMatchObject(taken)
      const second = await storage.putBlob(key, 2, { ifMatch: first.etag })
      const stale = { code: 'PRECONDITION_FAILED', details: { currentEtag: second.etag } }
      await expect(storage.putBlob(key, 3, { ifMatch: first.etag })).rejects.toMatchObject(stale)
      await expect(storage.deleteBlob(key, { ifMatch: first.etag })).rejects.toMatchObject(stale)
      expect((await storage.getBlob(key))?.value).toBe(2)
      expect(await storage.deleteBlob(key, { ifMatch: second.etag })).toBe(true)
      expect(await storage.getBlob(key)).toBeNull()
      const absent = { code: 'PRECONDITION_FAILED', details: { currentEtag: null } }
      await expect(storage.putBlob(key, 4, { ifMatch: second.etag })).rejects.toMatchObject(absent)
      await storage.putBlob(key, 5, { ifNoneMatch: '*' })
      expect((await storage.getBlob(key))?.value).toBe(5)
    })

    it('lets exactly one of 16 writers replace a version', async () => {
      const { storage } = context
      const key = context.newModule()
      const connections = [storage, await context.connect()]
      const { etag } = await storage.putBlob(key, -1)
      const attempts = await Promise.allSettled(
        Array.from({ length: 16 }, (_, n) =>
          (connections[n % 2] ?? storage).putBlob(key, n, { ifMatch: etag }),
        ),
      )
      const won = attempts.flatMap((attempt, n) => (attempt.status === 'fulfilled' ? [n] : []))
      const lost = attempts.filter((attempt) => attempt.status === 'rejected')
      expect(won).toHaveLength(1)
      expect(lost.every(({ reason }) => hasErrorCode(reason, 'PRECONDITION_FAILED'))).toBe(true)
      expect((await storage.getBlob(key))?.value).toBe(won[0])
    })

    it('keeps keys apart, folders and unicode included', async () => {
      const { storage } = context
      const base = context.newModule()
      const keys = [base, `${base}/a`, `${base}/a/b`, `${base}%2Fa`, `${base} ü`, `${base}.json`]
      for (const key of keys) await storage.putBlob(key, key)
      for (const key of keys) expect((await storage.getBlob(key))?.value).toBe(key)
    })

    it('keeps empty values', async () => {
      const { storage } = context
      const key = context.newModule()
      for (const value of [null, '', 0, false, {}, []]) {
        await storage.putBlob(key, value)
        expect((await storage.getBlob(key))?.value).toEqual(value)
      }
    })
  })
}
