import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json.ts'
import type { SuiteContext } from './backend-under-test.ts'

export function recordSuite(context: SuiteContext): void {
  describe('records', () => {
    it('stores a JSON value and gives it back with what is known of it', async () => {
      const { storage } = context
      const module = context.newModule()
      const data = { amount: 50, description: 'Coffee' }
      const before = Date.now()
      const stored = await storage.storeData({
        module,
        userId: 'user123',
        data,
        metadata: { kind: 'expense' },
      })
      expect(stored).toMatchObject({
        module,
        userId: 'user123',
        data,
        dataFormat: 'json',
        revision: 1,
        recordCount: null,
        metadata: { kind: 'expense' },
        contentType: 'application/json',
        pending: false,
        searchTruncated: false,
        size: JSON.stringify(data).length,
        updatedAt: stored.timestamp,
      })
      expect(Date.parse(stored.timestamp)).toBeGreaterThanOrEqual(before)
      expect(stored.etag).toMatch(/^1-[0-9a-f]{32}$/)
      const day = stored.timestamp.slice(0, 10).replaceAll('-', '/')
      expect(stored.storageKey).toBe(`${module}/user123/${day}/${stored.id}.json`)
      expect(await storage.retrieveData(module, 'user123', stored.id)).toEqual(stored)
      const { data: _, ...info } = stored
      expect(await storage.retrieveInfo(module, 'user123', stored.id)).toEqual(info)
      expect(await storage.retrieveInfo(module, 'user123', 'absent')).toBeNull()
    })

    it('keeps metadata exactly, whatever the keys', async () => {
      const { storage } = context
      const module = context.newModule()
      const metadata: Record<string, JsonValue> = JSON.parse('{"__proto__":{"a":1},"":0,"1":[null],"é":"x"}')
      const stored = await storage.storeData({ module, userId: 'u', data: 1, metadata })
      const back = await storage.retrieveData(module, 'u', stored.id)
      expect(JSON.stringify(back?.metadata)).toBe(JSON.stringify(metadata))
      expect((await storage.listEntries(module, 'u', { metadata: { '': 1 } })).items).toEqual([])
    })

    it('keeps the id it is given and refuses it a second time without touching the first', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', id: 'report', data: 1 })
      const second = storage.storeData({ module, userId: 'u', id: 'report', data: 2 })
      await expect(second).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        details: { currentEtag: first.etag },
      })
      expect(await storage.retrieveData(module, 'u', 'report')).toEqual(first)
    })

    it('answers null for a record that is not there, in a namespace that is and one that is not', async () => {
      const { storage } = context
      const module = context.newModule()
      expect(await storage.retrieveData(module, 'u', 'absent')).toBeNull()
      await storage.storeData({ module, userId: 'u', data: 1 })
      expect(await storage.retrieveData(module, 'u', 'absent')).toBeNull()
      expect(await storage.retrieveData(context.newModule(), 'u')).toEqual([])
    })

    it('replaces data by a new revision and keeps id, timestamp and metadata', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', data: { n: 1 }, metadata: { a: 1 } })
      const second = await storage.updateData({
        module,
        userId: 'u',
        recordId: first.id,
        data: { n: 2 },
        ifMatch: first.etag,
      })
      expect(second).toMatchObject({
        id: first.id,
        timestamp: first.timestamp,
        data: { n: 2 },
        revision: 2,
        metadata: { a: 1 },
      })
      expect(second.etag).toMatch(/^2-/)
      expect(second.storageKey).not.toBe(first.storageKey)
      expect(await storage.retrieveData(module, 'u', first.id)).toEqual(second)
      const third = await storage.updateData({
        module,
        userId: 'u',
        recordId: first.id,
        data: { n: 2 },
        metadata: { b: 2 },
      })
      expect(third).toMatchObject({ revision: 3, metadata: { b: 2 } })
    })

    it('rejects an update or deletion against an older version and says which is current', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', data: 'a' })
      const second = await storage.updateData({ module, userId: 'u', recordId: first.id, data: 'b' })
      const lost = { code: 'PRECONDITION_FAILED', details: { id: first.id, currentEtag: second.etag } }
      await expect(
        storage.updateData({ module, userId: 'u', recordId: first.id, data: 'c', ifMatch: first.etag }),
      ).rejects.toMatchObject(lost)
      await expect(storage.deleteData(module, 'u', first.id, { ifMatch: first.etag })).rejects.toMatchObject(
        lost,
      )
      expect(await storage.retrieveData(module, 'u', first.id)).toEqual(second)
    })

    it('distinguishes two versions with equal content', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', data: 'same' })
      await storage.updateData({ module, userId: 'u', recordId: first.id, data: 'other' })
      const third = await storage.updateData({ module, userId: 'u', recordId: first.id, data: 'same' })
      expect(third.etag).not.toBe(first.etag)
      const stale = storage.updateData({
        module,
        userId: 'u',
        recordId: first.id,
        data: 'x',
        ifMatch: first.etag,
      })
      await expect(stale).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    })

    it('computes an update from the current data', async () => {
      const { storage } = context
      const module = context.newModule()
      const { id } = await storage.storeData({ module, userId: 'u', data: { n: 1 } })
      const updated = await storage.updateData({
        module,
        userId: 'u',
        recordId: id,
        data: (now: { n: number }) => ({ n: now.n + 1 }),
      })
      expect(updated.data).toEqual({ n: 2 })
    })

    it('says not found when there is nothing to update', async () => {
      const { storage } = context
      const update = storage.updateData({
        module: context.newModule(),
        userId: 'u',
        recordId: 'absent',
        data: 1,
      })
      await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND', details: { id: 'absent' } })
    })

    it('deletes a record from every kind of read, once', async () => {
      const { storage } = context
      const module = context.newModule()
      const kept = await storage.storeData({ module, userId: 'u', data: 'kept walnut' })
      const gone = await storage.storeData({ module, userId: 'u', data: 'gone walnut' })
      expect(await storage.deleteData(module, 'u', gone.id, { ifMatch: gone.etag })).toBe(true)
      expect(await storage.deleteData(module, 'u', gone.id)).toBe(false)
      expect(await storage.retrieveData(module, 'u', gone.id)).toBeNull()
      expect((await storage.retrieveData(module, 'u')).map(({ id }) => id)).toEqual([kept.id])
      expect((await storage.searchEntries(module, 'u', 'walnut')).items.map(({ id }) => id)).toEqual([
        kept.id,
      ])
      const update = storage.updateData({ module, userId: 'u', recordId: gone.id, data: 1 })
      await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    it('lets a deleted id be used again, with a version no old etag matches', async () => {
      const { storage } = context
      const module = context.newModule()
      const first = await storage.storeData({ module, userId: 'u', id: 'again', data: 'one' })
      await storage.deleteData(module, 'u', 'again')
      const second = await storage.storeData({ module, userId: 'u', id: 'again', data: 'one' })
      expect(second.revision).toBe(3)
      expect(await storage.retrieveData(module, 'u', 'again')).toEqual(second)
      const stale = storage.deleteData(module, 'u', 'again', { ifMatch: first.etag })
      await expect(stale).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    })

    it('stores many records at once, in order, or none of them', async () => {
      const { storage } = context
      const module = context.newModule()
      const batch = [1, 2, 3].map((n) => ({ module, userId: 'u', id: `n${n}`, data: { n } }))
      const stored = await storage.storeMany(batch)
      expect(stored.map(({ id, data }) => [id, data])).toEqual([
        ['n1', { n: 1 }],
        ['n2', { n: 2 }],
        ['n3', { n: 3 }],
      ])
      const failing = storage.storeMany([
        { module, userId: 'u', id: 'n4', data: 4 },
        { module, userId: 'u', id: 'n2', data: 'taken' },
      ])
      await expect(failing).rejects.toMatchObject({ code: 'ALREADY_EXISTS', details: { id: 'n2', index: 1 } })
      expect(await storage.retrieveData(module, 'u')).toEqual(stored)
      expect(await storage.storeMany([])).toEqual([])
    })

    it('shows a write to every other connection at once', async () => {
      const { storage } = context
      const other = await context.connect()
      const module = context.newModule()
      expect(await other.retrieveData(module, 'u')).toEqual([])
      const first = await storage.storeData({ module, userId: 'u', data: 1 })
      expect(await other.retrieveData(module, 'u', first.id)).toEqual(first)
      const second = await other.updateData({ module, userId: 'u', recordId: first.id, data: 2 })
      expect(await storage.retrieveData(module, 'u', first.id)).toEqual(second)
      await storage.deleteData(module, 'u', first.id)
      expect(await other.retrieveData(module, 'u', first.id)).toBeNull()
    })
  })
}
