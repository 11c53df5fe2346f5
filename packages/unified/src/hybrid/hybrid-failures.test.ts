import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { UmbraError } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everyStrongRead } from '../every-strong-read.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { COPY_WARNING_CODE } from './copy-backlog.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { entriesOf, openHybrid } from './hybrid.fixture.ts'
import type { HybridUnderTest } from './hybrid.fixture.ts'

/** Without an outbox nothing is pending, and when R2 was last seen is not noted. */
const OF_COPIES = { asOf: null, pending: 0 }

const newModule = () => `m-${randomUUID()}`

describe('when SQLite cannot take a copy', () => {
  let server: LocalR2
  let folder: StorageFolder
  beforeAll(async () => {
    server = await startLocalR2()
    folder = await createStorageFolder()
  })
  afterAll(async () => {
    await server.close()
    await folder.remove()
  })

  async function withDisk(test: (under: HybridUnderTest, disk: { full: boolean }) => Promise<void>) {
    const disk = { full: false }
    const under = await openHybrid(server, folder.sqlitePath, { secondary: withFullDisk(disk) })
    try {
      await test(under, disk)
    } finally {
      await under.close()
    }
  }

  it('commits, warns, reports itself unhealthy, and copies when the record is next read', () =>
    withDisk(async ({ hybrid, primary, secondary }, disk) => {
      const module = newModule()
      const warning = once(process, 'warning')
      disk.full = true
      const stored = await hybrid.storeData({ module, userId: 'u', data: 1 })
      expect(await hybrid.retrieveData(module, 'u', stored.id)).toEqual(stored)
      const [warned] = (await warning) as [Error & { code: string }]
      expect(warned.code).toBe(COPY_WARNING_CODE)
      expect(warned.message).toContain('the disk is full')
      expect(await hybrid.health()).toMatchObject({
        healthy: false,
        message: expect.stringMatching(/1 of the last writes.*the disk is full/),
      })
      disk.full = false
      expect(await hybrid.retrieveData(module, 'u', stored.id)).toEqual(stored)
      expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
      expect(await hybrid.health()).toMatchObject({ healthy: true })
    }))

  it('copies when the record is next written', () =>
    withDisk(async ({ hybrid, primary, secondary }, disk) => {
      const module = newModule()
      const { id } = await hybrid.storeData({ module, userId: 'u', data: 1 })
      disk.full = true
      await hybrid.updateData({ module, userId: 'u', recordId: id, data: 2 })
      await hybrid.updateData({ module, userId: 'u', recordId: id, data: 3 })
      disk.full = false
      await hybrid.updateData({ module, userId: 'u', recordId: id, data: 4 })
      expect((await entriesOf(secondary, module))[0]?.rev).toBe(4)
      expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
      expect(await hybrid.health()).toMatchObject({ healthy: true })
    }))

  it('never finds what the copy still says of a record that was updated', () =>
    withDisk(async ({ hybrid }, disk) => {
      const module = newModule()
      const { id } = await hybrid.storeData({ module, userId: 'u', data: 'walrus', metadata: { tag: 'a' } })
      disk.full = true
      await hybrid.updateData({ module, userId: 'u', recordId: id, data: 'penguin', metadata: { tag: 'b' } })
      expect((await hybrid.searchEntries(module, 'u', 'walrus')).items).toEqual([])
      expect((await hybrid.listEntries(module, 'u', { metadata: { tag: 'a' } })).items).toEqual([])
      expect((await hybrid.searchData(module, 'u', 'penguin')).items.map(({ data }) => data)).toEqual([
        'penguin',
      ])
      disk.full = false
    }))

  it('never brings back a record that was deleted, not even after a restart', async () => {
    const module = newModule()
    let id = ''
    await withDisk(async ({ hybrid, secondary }, disk) => {
      ;({ id } = await hybrid.storeData({ module, userId: 'u', data: 'walrus' }))
      disk.full = true
      expect(await hybrid.deleteData(module, 'u', id)).toBe(true)
      expect(await entriesOf(secondary, module)).toHaveLength(1)
      expect(await hybrid.retrieveData(module, 'u', id)).toBeNull()
    })
    await withDisk(async ({ hybrid }) => {
      expect(await hybrid.retrieveData(module, 'u', id)).toBeNull()
      expect(await hybrid.retrieveData(module, 'u')).toEqual([])
      expect((await hybrid.searchEntries(module, 'u', 'walrus')).items).toEqual([])
      const update = hybrid.updateData({ module, userId: 'u', recordId: id, data: 1 })
      await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND' })
      const again = await hybrid.storeData({ module, userId: 'u', id, data: 'walrus' })
      expect(again.revision).toBe(3)
      expect(await hybrid.retrieveData(module, 'u', id)).toEqual(again)
    })
  })

  it('removes the copy of a deleted record when the id is next read', () =>
    withDisk(async ({ hybrid, secondary }, disk) => {
      const module = newModule()
      const { id } = await hybrid.storeData({ module, userId: 'u', data: 1 })
      disk.full = true
      await hybrid.deleteData(module, 'u', id)
      disk.full = false
      expect(await hybrid.retrieveData(module, 'u', id)).toBeNull()
      expect(await entriesOf(secondary, module)).toEqual([])
      expect(await hybrid.health()).toMatchObject({ healthy: true })
    }))

  it('removes the copy again when another process has deleted the record before it was made', async () => {
    const deleter = await openHybrid(server, folder.sqlitePath)
    const module = newModule()
    let deleted = false
    const slow = await openHybrid(server, folder.sqlitePath, {
      secondary: (backend) => ({
        ...plainBackend(backend),
        async commit(namespace, mutations) {
          if (!deleted) deleted = await deleter.hybrid.deleteData(module, 'u', 'late')
          return backend.commit(namespace, mutations)
        },
      }),
    })
    await slow.hybrid.storeData({ module, userId: 'u', id: 'late', data: 1 })
    expect(deleted).toBe(true)
    expect(await entriesOf(slow.secondary, module)).toEqual([])
    expect(await slow.hybrid.retrieveData(module, 'u', 'late')).toBeNull()
    expect(await deleter.hybrid.retrieveData(module, 'u')).toEqual([])
    await slow.close()
    await deleter.close()
  })

  it('does not let an older copy replace a newer one', async () => {
    const faster = await openHybrid(server, folder.sqlitePath)
    const module = newModule()
    let overtaken = false
    const slow = await openHybrid(server, folder.sqlitePath, {
      secondary: (backend) => ({
        ...plainBackend(backend),
        async commit(namespace, mutations) {
          if (!overtaken) {
            overtaken = true
            await faster.hybrid.updateData({ module, userId: 'u', recordId: 'r', data: 'newer' })
          }
          return backend.commit(namespace, mutations)
        },
      }),
    })
    await slow.hybrid.storeData({ module, userId: 'u', id: 'r', data: 'older' })
    expect((await slow.onSqlite.retrieveData(module, 'u', 'r'))?.data).toBe('newer')
    expect(await entriesOf(slow.secondary, module)).toEqual(await entriesOf(slow.primary, module))
    await slow.close()
    await faster.close()
  })

  it('agrees on a revision of SQLite later, when R2 goes away before it is raised to it', async () => {
    const module = newModule()
    let commits = 0
    const under = await openHybrid(server, folder.sqlitePath, {
      primary: (backend) => ({
        ...backend,
        async commit(...about) {
          if (++commits === 2) throw new UmbraError('UNAVAILABLE', 'r2 does not answer')
          return backend.commit(...about)
        },
      }),
    })
    const { hybrid, onSqlite, primary, secondary } = under
    await onSqlite.storeData({ module, userId: 'u', id: 'r', data: 'earlier' })
    await onSqlite.deleteData(module, 'u', 'r')
    await hybrid.storeData({ module, userId: 'u', id: 'r', data: 'now' })
    await hybrid.retrieveData(module, 'u', 'r')
    expect((await entriesOf(primary, module))[0]?.rev).toBe(3)
    expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
    await under.close()
  })

  it('keeps a blob in R2, and copies it when it is next read', () =>
    withDisk(async ({ hybrid, onSqlite }, disk) => {
      const key = newModule()
      disk.full = true
      await hybrid.putBlob(key, 1)
      expect(await hybrid.health()).toMatchObject({ healthy: false })
      expect(await onSqlite.getBlob(key)).toBeNull()
      disk.full = false
      expect((await hybrid.getBlob(key))?.value).toBe(1)
      expect((await onSqlite.getBlob(key))?.value).toBe(1)
      expect(await hybrid.health()).toMatchObject({ healthy: true })
    }))
})

describe('when R2 stops answering', () => {
  let server: LocalR2
  let folder: StorageFolder
  let under: HybridUnderTest
  const module = newModule()
  const key = newModule()

  beforeAll(async () => {
    folder = await createStorageFolder()
    server = await startLocalR2({ dir: folder.path })
    under = await openHybrid(server, folder.sqlitePath)
    await under.hybrid.storeData({ module, userId: 'u', id: 'both', data: 'walnut one' })
    await under.onSqlite.storeData({ module, userId: 'u', id: 'only', data: 'walnut two' })
    await under.onR2.storeData({ module, userId: 'u', id: 'r2 only', data: 'walnut three' })
    await under.hybrid.putBlob(key, 'blob')
  })
  afterAll(async () => {
    await under.close()
    await server.close()
    await folder.remove()
  })

  it('reads from SQLite, refuses writes as unavailable, and stores nothing of them', async () => {
    const { hybrid, primary, secondary } = under
    const listed = await primary.findEntries({ module, userId: 'u' }, { order: 'oldest', limit: 10 })
    const inR2 = listed.items.find(({ entry }) => entry.id === 'both')
    await server.close()

    expect(await hybrid.retrieveData(module, 'u', 'both')).toMatchObject({
      data: 'walnut one',
      storageBackend: 'sqlite',
      etag: expect.stringMatching(/^1-/),
      stale: OF_COPIES,
    })
    expect(await hybrid.listData(module, 'nobody')).toEqual({ items: [], stale: OF_COPIES })
    const expected = ['both', 'only']
    expect((await hybrid.retrieveData(module, 'u')).map(({ id }) => id)).toEqual(expected)
    const found = await hybrid.searchEntries(module, 'u', 'walnut', { order: 'oldest' })
    expect(found.items.map(({ id, stale }) => [id, stale])).toEqual(expected.map((id) => [id, OF_COPIES]))
    expect(await hybrid.getBlob(key)).toMatchObject({ value: 'blob', stale: OF_COPIES })
    expect(inR2).toBeDefined()

    const before = await entriesOf(secondary, module)
    const unavailable = { code: 'UNAVAILABLE' }
    const strong = await everyStrongRead(hybrid, { module, userId: 'u', id: 'both' })
    expect(new Set(Object.values(strong))).toEqual(new Set(['UNAVAILABLE']))
    await expect(hybrid.storeData({ module, userId: 'u', data: 1 })).rejects.toMatchObject(unavailable)
    for (const recordId of expected) {
      const update = hybrid.updateData({ module, userId: 'u', recordId, data: 1 })
      await expect(update, recordId).rejects.toMatchObject(unavailable)
      await expect(hybrid.deleteData(module, 'u', recordId), recordId).rejects.toMatchObject(unavailable)
    }
    await expect(hybrid.putBlob(key, 2)).rejects.toMatchObject(unavailable)
    await expect(hybrid.deleteBlob(key)).rejects.toMatchObject(unavailable)
    expect(await entriesOf(secondary, module)).toEqual(before)
    expect((await hybrid.retrieveData(module, 'u')).map(({ id }) => id)).toEqual(expected)
    expect(await hybrid.health()).toMatchObject({ healthy: false, message: expect.stringContaining('r2') })
  })

  it('goes on with R2 when it answers again', async () => {
    const { hybrid, primary, secondary } = under
    const { accessKeyId, secretAccessKey, endpoint, bucket } = server
    const port = Number(new URL(endpoint).port)
    const credentials = { accessKeyId, secretAccessKey }
    server = await startLocalR2({ dir: folder.path, port, bucket, credentials })
    expect(server.endpoint).toBe(endpoint)

    expect(await hybrid.health()).toMatchObject({ healthy: true })
    expect(await hybrid.retrieveData(module, 'u', 'both')).toMatchObject({
      storageBackend: 'r2',
      revision: 1,
    })
    const listed = (await hybrid.retrieveData(module, 'u')).map(({ id, storageBackend }) => [
      id,
      storageBackend,
    ])
    expect(listed).toEqual([
      ['both', 'r2'],
      ['only', 'sqlite'],
      ['r2 only', 'r2'],
    ])
    for (const recordId of ['both', 'only', 'r2 only']) {
      await hybrid.updateData({ module, userId: 'u', recordId, data: 'after' })
    }
    expect(await entriesOf(primary, module)).toHaveLength(3)
    expect(await entriesOf(secondary, module)).toEqual(await entriesOf(primary, module))
  })
})
