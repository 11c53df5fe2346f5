import { randomUUID } from 'node:crypto'
import { collectBytes, createMemoryBody, hasErrorCode } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
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
let other: HybridUnderTest

beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
  under = await openHybrid(server, folder.sqlitePath)
  other = await openHybrid(server, folder.sqlitePath)
})
afterAll(async () => {
  await under.close()
  await other.close()
  await server.close()
  await folder.remove()
})

const newModule = () => `m-${randomUUID()}`

describe('writing to both', () => {
  it('keeps equal entries and bodies on both sides through stores, updates and deletions', async () => {
    const { hybrid, onR2, onSqlite, primary, secondary } = under
    const module = newModule()
    const kept = await hybrid.storeData({ module, userId: 'u', data: { n: 1 }, metadata: { a: 'b' } })
    const rows = {
      module,
      userId: 'u',
      data: { records: [{ n: 1 }, { n: 2 }] },
      dataFormat: 'jsonl',
    } as const
    const gone = await hybrid.storeData(rows)
    await hybrid.storeMany([1, 2, 3].map((data) => ({ module, userId: 'u', data })))
    const updated = await hybrid.updateData({ module, userId: 'u', recordId: kept.id, data: { n: 2 } })
    await hybrid.deleteData(module, 'u', gone.id)
    const entries = await entriesOf(primary, module)
    expect(entries).toHaveLength(4)
    expect(await entriesOf(secondary, module)).toEqual(entries)
    for (const { id } of entries) {
      const fromR2 = await onR2.retrieveData(module, 'u', id)
      const fromSqlite = await onSqlite.retrieveData(module, 'u', id)
      expect(fromSqlite?.data).toEqual(fromR2?.data)
      expect(fromSqlite?.etag).toBe(fromR2?.etag)
    }
    expect((await onSqlite.retrieveData(module, 'u', kept.id))?.etag).toBe(updated.etag)
  })

  it('gives a record that only R2 has a copy when it is updated', async () => {
    const { hybrid, onR2, primary, secondary } = under
    const module = newModule()
    const first = await onR2.storeData({ module, userId: 'u', data: 1 })
    await onR2.updateData({ module, userId: 'u', recordId: first.id, data: 2 })
    await hybrid.updateData({ module, userId: 'u', recordId: first.id, data: 3 })
    expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
    expect(await hybrid.retrieveData(module, 'u', first.id)).toMatchObject({ data: 3, revision: 3 })
  })

  it('agrees on the revision of an id that SQLite deleted before R2 knew it', async () => {
    const { hybrid, onSqlite, primary, secondary } = under
    const module = newModule()
    const old = await onSqlite.storeData({ module, userId: 'u', id: 'again', data: 'same' })
    await onSqlite.deleteData(module, 'u', 'again')
    const again = await hybrid.storeData({ module, userId: 'u', id: 'again', data: 'same' })
    expect(again.revision).toBe(3)
    expect(again.etag).not.toBe(old.etag)
    expect(await hybrid.retrieveData(module, 'u', 'again')).toEqual(again)
    expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
  })

  it('says where it reads from: R2 when both have it', async () => {
    const { hybrid, onSqlite } = under
    const module = newModule()
    const both = await hybrid.storeData({ module, userId: 'u', data: 1 })
    const only = await onSqlite.storeData({ module, userId: 'u', data: 2 })
    expect((await hybrid.retrieveData(module, 'u', both.id))?.storageBackend).toBe('r2')
    expect((await hybrid.retrieveData(module, 'u', only.id))?.storageBackend).toBe('sqlite')
    expect((await hybrid.retrieveData(module, 'u')).map((record) => record.storageBackend)).toEqual([
      'r2',
      'sqlite',
    ])
  })
})

describe('records that are only in SQLite', () => {
  it('are retrieved, listed page by page and found among the others', async () => {
    const { hybrid, onSqlite } = under
    const module = newModule()
    const ids: string[] = []
    for (let n = 0; n < 7; n++) {
      const storage = n % 2 === 0 ? onSqlite : hybrid
      // Two sources of ids may disagree about the order within a millisecond, so the ids are given.
      ids.push((await storage.storeData({ module, userId: 'u', id: `n${n}`, data: `walnut ${n}` })).id)
    }
    expect((await hybrid.retrieveData(module, 'u')).map(({ data }) => data)).toEqual(
      ids.map((_, n) => `walnut ${n}`),
    )
    const paged: string[] = []
    for (let cursor: string | undefined, more = true; more;) {
      const page = await hybrid.listEntries(module, 'u', {
        order: 'newest',
        limit: 2,
        ...(cursor !== undefined && { cursor }),
      })
      expect(page.items.length).toBe(paged.length === 6 ? 1 : 2)
      paged.push(...page.items.map(({ id }) => id))
      cursor = page.cursor
      more = cursor !== undefined
    }
    expect(paged).toEqual(ids.toReversed())
    const found = await hybrid.searchData(module, 'u', 'walnut', { order: 'oldest' })
    expect(found.items.map(({ id }) => id)).toEqual(ids)
  })

  it('are updated where they are named by their etag, and are in both from then on', async () => {
    const { hybrid, onSqlite, primary, secondary } = under
    const module = newModule()
    const { id } = await onSqlite.storeData({ module, userId: 'u', data: 1 })
    const old = await onSqlite.updateData({ module, userId: 'u', recordId: id, data: 2 })
    const stale = hybrid.updateData({
      module,
      userId: 'u',
      recordId: id,
      data: 9,
      ifMatch: `1-${'0'.repeat(32)}`,
    })
    await expect(stale).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    const updated = await hybrid.updateData({ module, userId: 'u', recordId: id, data: 3, ifMatch: old.etag })
    expect(updated).toMatchObject({ revision: 3, timestamp: old.timestamp, storageBackend: 'r2' })
    expect(await entriesOf(primary, module)).toHaveLength(1)
    expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
    expect(await hybrid.retrieveData(module, 'u', id)).toEqual(updated)
  })

  it('are deleted from every kind of read', async () => {
    const { hybrid, onSqlite, secondary } = under
    const module = newModule()
    const { id } = await onSqlite.storeData({ module, userId: 'u', data: 'walnut' })
    expect(await hybrid.deleteData(module, 'u', id)).toBe(true)
    expect(await hybrid.deleteData(module, 'u', id)).toBe(false)
    expect(await hybrid.retrieveData(module, 'u', id)).toBeNull()
    expect(await hybrid.retrieveData(module, 'u')).toEqual([])
    expect((await hybrid.searchEntries(module, 'u', 'walnut')).items).toEqual([])
    expect(await entriesOf(secondary, module)).toEqual([])
  })

  it('let exactly one of 16 concurrent changes win, whichever process it comes from', async () => {
    const module = newModule()
    const { id, etag } = await under.onSqlite.storeData({ module, userId: 'u', data: -1 })
    const attempts = await Promise.allSettled(
      Array.from({ length: 16 }, async (_, n) => {
        const { hybrid } = n % 2 === 0 ? under : other
        if (n % 4 === 0) await hybrid.deleteData(module, 'u', id, { ifMatch: etag })
        else await hybrid.updateData({ module, userId: 'u', recordId: id, data: n, ifMatch: etag })
        return n
      }),
    )
    const won = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    const lost = attempts.filter((attempt) => attempt.status === 'rejected')
    // A deletion that finds the record deleted by another one resolves to false: it did not win.
    const updates = won.filter((n) => n % 4 !== 0)
    const record = await under.hybrid.retrieveData(module, 'u', id)
    expect(record?.data ?? 'deleted').toBe(updates[0] ?? 'deleted')
    expect(updates.length).toBeLessThanOrEqual(1)
    expect(updates.length === 1 ? won.length : 1).toBe(1)
    expect(lost.every(({ reason }) => hasErrorCode(reason, 'PRECONDITION_FAILED', 'NOT_FOUND'))).toBe(true)
    expect(await entriesOf(under.secondary, module)).toEqual(await entriesOf(under.primary, module))
  })

  it('keep their id taken', async () => {
    const { hybrid, onSqlite, primary } = under
    const module = newModule()
    const first = await onSqlite.storeData({ module, userId: 'u', id: 'mine', data: 1 })
    const second = hybrid.storeMany([
      { module, userId: 'u', id: 'other', data: 2 },
      { module, userId: 'u', id: 'mine', data: 2 },
    ])
    await expect(second).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      details: { currentEtag: first.etag, index: 1 },
    })
    expect(await entriesOf(primary, module)).toEqual([])
  })

  it('stay deleted when another process copies and deletes one just before we copy it', async () => {
    const module = newModule()
    const { id, etag } = await under.onSqlite.storeData({ module, userId: 'u', data: 1 })
    let overtaken = false
    const slow = await openHybrid(server, folder.sqlitePath, {
      primary: (backend) => ({
        ...backend,
        async commit(namespace, mutations) {
          const [first] = mutations
          if (!overtaken && first?.kind === 'put' && first.expect.kind === 'absent') {
            overtaken = true
            // Read before the copy in SQLite is gone, as a process that is suspended here would have.
            const body = createMemoryBody(await collectBytes(first.body.stream()))
            expect(await other.hybrid.deleteData(module, 'u', id)).toBe(true)
            return backend.commit(namespace, [{ ...first, body }])
          }
          return backend.commit(namespace, mutations)
        },
      }),
    })
    const update = slow.hybrid.updateData({ module, userId: 'u', recordId: id, data: 2, ifMatch: etag })
    await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(overtaken).toBe(true)
    expect(await under.hybrid.retrieveData(module, 'u', id)).toBeNull()
    expect(await entriesOf(under.primary, module)).toEqual([])
    await slow.close()
  })
})

describe('blobs', () => {
  it('are written to both, read from R2 first, and deleted from both', async () => {
    const { hybrid, onR2, onSqlite } = under
    const key = newModule()
    const first = await hybrid.putBlob(key, { v: 1 })
    expect(await onR2.getBlob(key)).toEqual(await onSqlite.getBlob(key))
    await onSqlite.putBlob(key, { v: 'stale' })
    expect(await hybrid.getBlob(key)).toEqual({ value: { v: 1 }, ...first })
    await hybrid.putBlob(key, { v: 2 }, { ifMatch: first.etag })
    expect((await onSqlite.getBlob(key))?.value).toEqual({ v: 2 })
    await expect(hybrid.deleteBlob(key, { ifMatch: first.etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    expect((await onSqlite.getBlob(key))?.value).toEqual({ v: 2 })
    expect(await hybrid.deleteBlob(key)).toBe(true)
    expect([await onR2.getBlob(key), await onSqlite.getBlob(key), await hybrid.getBlob(key)]).toEqual([
      null,
      null,
      null,
    ])
  })

  it('that are only in SQLite are read, replaced and deleted under their etag', async () => {
    const { hybrid, onR2, onSqlite } = under
    const [replaced, deleted] = [newModule(), newModule()]
    const { etag } = await onSqlite.putBlob(replaced, 1)
    await onSqlite.putBlob(deleted, 1)
    expect((await hybrid.getBlob(replaced))?.value).toBe(1)
    const taken = { code: 'PRECONDITION_FAILED', details: { currentEtag: etag } }
    await expect(hybrid.putBlob(replaced, 2, { ifNoneMatch: '*' })).rejects.toMatchObject(taken)
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 === 0 ? under : other).hybrid.putBlob(replaced, n + 10, { ifMatch: etag }),
      ),
    )
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await onR2.getBlob(replaced)).toEqual(await hybrid.getBlob(replaced))
    expect(await hybrid.deleteBlob(deleted, { ifMatch: etag })).toBe(true)
    expect(await hybrid.getBlob(deleted)).toBeNull()
  })
})

describe('links', () => {
  it('lead to R2 for what is in R2, and say why there are none for what is only in SQLite', async () => {
    const { hybrid, onSqlite } = under
    const module = newModule()
    const both = await hybrid.storeData({ module, userId: 'u', data: { n: 1 } })
    const answer = await fetch(await hybrid.generatePresignedUrl(both.storageKey))
    expect(await answer.json()).toEqual({ n: 1 })
    const only = await onSqlite.storeData({ module, userId: 'u', data: 2 })
    await expect(hybrid.generatePresignedUrl(only.storageKey)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('health and close', () => {
  it('is healthy when both are, names both, and closes both', async () => {
    const own = await openHybrid(server, folder.sqlitePath)
    const health = await own.hybrid.health()
    expect(health).toMatchObject({ healthy: true, message: expect.stringMatching(/r2.*; .*/) })
    await own.close()
    const closed = (backend: StorageBackend) => backend.getEntry({ module: 'm', userId: 'u' }, 'x')
    await expect(closed(own.secondary)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })
})
