import { randomUUID } from 'node:crypto'
import { manageBackend, parseSettings } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { everyStrongRead } from '../every-strong-read.fixture.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const OUTBOX = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }

let folder: StorageFolder
let r2: StoppableR2
let at: { readonly module: string; readonly userId: string }
const opened: StorageManager[] = []

/** Stops R2; resolves to the way to start it again where it was. */
async function stopServer(): Promise<() => Promise<void>> {
  await r2.stop()
  return () => r2.start()
}

async function opens(opening: Promise<StorageManager>): Promise<StorageManager> {
  const storage = await opening
  opened.push(storage)
  return storage
}

const openHybrid = (sqlitePath = folder.sqlitePath) =>
  opens(
    createStorageManager(
      parseSettings({ ...toEnvironment(r2.server), SQLITE_PATH: sqlitePath, STORAGE_BACKEND: 'hybrid' }),
      { outbox: OUTBOX },
    ),
  )
const openAlone = async (opening: Promise<StorageBackend>) => opens(opening.then((one) => manageBackend(one)))
const openR2 = () => openAlone(createR2Backend(r2.server.settings))
const openSqlite = () => openAlone(createSqliteBackend({ path: folder.sqlitePath }))

/** What a store holds, as far as both sides must agree about it. */
async function contentsOf(storage: StorageManager) {
  const records = await storage.retrieveData(at.module, at.userId)
  return records.map(({ id, etag, data }) => ({ id, etag, data }))
}

/** Both sides hold exactly this, and nothing is left to do or to decide. */
async function expectBoth(storage: StorageManager, data: readonly unknown[]) {
  expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toEqual([])
  const inR2 = await contentsOf(await openR2())
  expect(inR2.map((one) => one.data)).toEqual(data)
  expect(await contentsOf(await openSqlite())).toEqual(inR2)
}

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
  at = { module: `m-${randomUUID()}`, userId: 'u' }
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await r2.stop()
  await folder.remove()
})

describe('a hybrid whose R2 goes away', () => {
  it('keeps every kind of write, and brings each to both sides once R2 is back', async () => {
    const storage = await openHybrid()
    const kept = await storage.storeData({ ...at, id: 'a', data: 1 })
    await storage.storeData({ ...at, id: 'b', data: 1 })
    expect(kept).toMatchObject({ pending: false, storageBackend: 'r2' })
    const startAgain = await stopServer()

    const changed = await storage.updateData({ ...at, recordId: 'a', data: 2, ifMatch: kept.etag })
    expect(changed).toMatchObject({ pending: true, revision: 2, storageBackend: 'sqlite' })
    await storage.updateData({ ...at, recordId: 'a', data: (n: unknown) => Number(n) + 1 })
    expect(await storage.deleteData(at.module, at.userId, 'b')).toBe(true)
    expect(await storage.storeData({ ...at, id: 'c', data: 'new' })).toMatchObject({ pending: true })
    expect(await storage.putBlob('settings', { a: 1 })).toMatchObject({ pending: true })
    expect((await storage.health()).outbox?.depth).toBe(5)
    expect(await contentsOf(storage)).toMatchObject([
      { id: 'a', data: 3 },
      { id: 'c', data: 'new' },
    ])

    await startAgain()
    await expectBoth(storage, [3, 'new'])
    expect(await storage.retrieveData(...path('a'))).toMatchObject({ revision: 3, pending: false })
    for (const side of [storage, await openR2(), await openSqlite()])
      expect((await side.getBlob('settings'))?.value).toEqual({ a: 1 })
  })

  it('reads everything from SQLite, also after a restart, and says that it may be out of date', async () => {
    const alone = await openSqlite()
    await alone.storeData({ ...at, id: 'only', data: 'walnut' })
    const storage = await openHybrid()
    await storage.storeData({ ...at, id: 'both', data: 'walnut' })
    await storage.putBlob('blob', 'kept')
    const { stale } = (await storage.retrieveData(...path('both'))) ?? {}
    expect(stale).toBeUndefined()
    await stopServer()
    await storage.close()

    const restarted = await openHybrid()
    await restarted.storeData({ ...at, id: 'later', data: 'walnut' })
    const found = await restarted.searchData(at.module, at.userId, 'walnut', { order: 'oldest' })
    const inSqlite = { storageBackend: 'sqlite', stale: { asOf: null, pending: 1 } }
    expect(found.items).toMatchObject([
      { id: 'only', data: 'walnut', pending: false, ...inSqlite },
      { id: 'both', data: 'walnut', pending: false, ...inSqlite },
      { id: 'later', data: 'walnut', pending: true, ...inSqlite },
    ])
    expect(await restarted.retrieveData(...path('both'))).toMatchObject({ data: 'walnut', ...inSqlite })
    expect(await restarted.getBlob('blob')).toMatchObject({
      value: 'kept',
      stale: { asOf: null, pending: 0 },
    })
    const nothing = await restarted.listData(at.module, 'nobody')
    expect(nothing).toEqual({ items: [], stale: { asOf: null, pending: 0 } })
    const strong = await everyStrongRead(restarted, { ...at, id: 'both' })
    expect(new Set(Object.values(strong))).toEqual(new Set(['UNAVAILABLE']))
  })

  it('opens without R2, and hands over when it is back', async () => {
    const startAgain = await stopServer()
    const storage = await openHybrid()
    const told: string[] = []
    for (const event of ['recovered', 'drained'] as const) storage.on(event, () => told.push(event))
    expect(await storage.storeData({ ...at, data: 'first' })).toMatchObject({ pending: true })
    expect(await storage.health()).toMatchObject({ healthy: false, outbox: { depth: 1 } })
    await startAgain()
    await expectBoth(storage, ['first'])
    expect(told).toEqual(['recovered', 'drained'])
    expect(await storage.health()).toMatchObject({ healthy: true, outbox: { depth: 0, breaker: 'closed' } })
  })

  it('changes and deletes what is only in SQLite', async () => {
    const alone = await openSqlite()
    await alone.storeData({ ...at, id: 'changed', data: 1 })
    await alone.storeData({ ...at, id: 'deleted', data: 1 })
    const storage = await openHybrid()
    const startAgain = await stopServer()
    await storage.updateData({ ...at, recordId: 'changed', data: 2 })
    await storage.deleteData(at.module, at.userId, 'deleted')
    const taken = storage.storeData({ ...at, id: 'changed', data: 3 })
    await expect(taken).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await startAgain()
    await expectBoth(storage, [2])
    expect(await storage.retrieveData(...path('changed'))).toMatchObject({ revision: 2 })
  })

  it('imports only what is stored at once, on both sides, and says what is to be deleted for good later', async () => {
    const storage = await openHybrid()
    await storage.storeData({ ...at, id: 'gone', data: 0 })
    const startAgain = await stopServer()
    const importing = storage.importData(at.module, at.userId, [{ id: 'a', data: 1 }])
    await expect(importing).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { committed: 0 } })
    const deleteHard = () => storage.deleteData(at.module, at.userId, 'gone', { hard: true })
    await expect(deleteHard()).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { id: 'gone' } })
    await startAgain()
    await expectBoth(storage, [])
    expect(await deleteHard()).toBe(false)
    const requests = [
      { id: 'a', data: 1 },
      { id: 'b', data: 2 },
    ]
    expect(await storage.importData(at.module, at.userId, requests)).toEqual({ committed: 2 })
    await expectBoth(storage, [1, 2])
  })

  it('agrees on the revision of an id that SQLite deleted before R2 knew it, also under what is queued over it', async () => {
    const alone = await openSqlite()
    for (const id of ['online', 'away']) {
      await alone.storeData({ ...at, id, data: 'old' })
      await alone.deleteData(at.module, at.userId, id)
    }
    const storage = await openHybrid()
    const again = await storage.storeData({ ...at, id: 'online', data: 1 })
    expect(again.revision).toBe(3)
    await storage.updateData({ ...at, recordId: 'online', data: 2, ifMatch: again.etag })
    const startAgain = await stopServer()
    const { etag } = await storage.storeData({ ...at, id: 'away', data: 1 })
    await storage.updateData({ ...at, recordId: 'away', data: 2, ifMatch: etag })
    await startAgain()
    await expectBoth(storage, [2, 2])
    expect(await storage.retrieveData(...path('away'))).toMatchObject({ revision: 4 })
  })

  it('puts a change on top of what SQLite alone made of a record, on both sides', async () => {
    const storage = await openHybrid()
    const alone = await openSqlite()
    for (const id of ['online', 'away']) {
      await storage.storeData({ ...at, id, data: 'old' })
      await alone.updateData({ ...at, recordId: id, data: 'on sqlite alone' })
    }
    await storage.updateData({ ...at, recordId: 'online', data: 'new' })
    const startAgain = await stopServer()
    const stale = await storage.retrieveData(...path('away'))
    expect(stale).toMatchObject({ data: 'on sqlite alone', revision: 2 })
    // The version that SQLite shows, which R2 gets first.
    await storage.deleteData(at.module, at.userId, 'away')
    await startAgain()
    expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
    expect(await storage.conflicts()).toEqual([])
    expect(await storage.retrieveData(...path('away'))).toBeNull()
    expect(await contentsOf(await openR2())).toMatchObject([{ id: 'online', data: 'new' }])
    expect(await contentsOf(await openSqlite())).toMatchObject([{ id: 'online', data: 'new' }])
  })

  it('gives each of two changes of one version its own outcome, and both sides the one that won', async () => {
    const storage = await openHybrid()
    const { etag } = await storage.storeData({ ...at, id: 'r', data: 'old' })
    const startAgain = await stopServer()
    const mine = { ...at, recordId: 'r', ifMatch: etag }
    expect(await storage.updateData({ ...mine, data: 'mine' })).toMatchObject({ pending: true })
    const second = storage.updateData({ ...mine, data: 'second' })
    await expect(second).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await storage.close()
    await startAgain()
    const other = await openR2()
    await other.updateData({ ...mine, data: 'theirs' })

    const restarted = await openHybrid()
    expect(await restarted.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
    const [conflict, ...more] = await restarted.conflicts()
    expect(conflict).toMatchObject({ kind: 'conflict', recordIds: ['r'] })
    expect(more).toEqual([])
    const theirs = await contentsOf(other)
    expect(theirs).toMatchObject([{ data: 'theirs' }])
    expect(await contentsOf(restarted)).toEqual(theirs)
    expect(await contentsOf(await openSqlite())).toEqual(theirs)

    await restarted.resolveConflict(conflict?.id ?? '', 'retry')
    await expectBoth(restarted, ['mine'])
  })
})

function path(id: string): [module: string, userId: string, id: string] {
  return [at.module, at.userId, id]
}

describe('a record that is only in SQLite, whose id R2 once had', () => {
  it.each(['online', 'away'])('is not lost when it is changed while R2 is %s', async (when) => {
    const [inR2, alone] = [await openR2(), await openSqlite()]
    await inR2.storeData({ ...at, id: 'x', data: 'earlier' })
    await inR2.deleteData(at.module, at.userId, 'x')
    await alone.storeData({ ...at, id: 'x', data: 'mine' })
    const storage = await openHybrid()
    const change = () => storage.updateData({ ...at, recordId: 'x', data: 'changed' })
    if (when === 'online') {
      await change()
      return expectBoth(storage, ['changed'])
    }
    const startAgain = await stopServer()
    expect(await change()).toMatchObject({ pending: true })
    await startAgain()
    await storage.sync({ timeoutMs: 20_000 })
    // It named a version that is another one in R2, so somebody decides.
    const [conflict] = await storage.conflicts()
    expect(await storage.retrieveData(at.module, at.userId, 'x')).toMatchObject({ data: 'mine' })
    await storage.resolveConflict(conflict?.id ?? '', 'retry')
    await expectBoth(storage, ['changed'])
  })
})
