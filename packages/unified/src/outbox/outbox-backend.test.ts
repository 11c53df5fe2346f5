import { copyFile } from 'node:fs/promises'
import type { StorageEvent, StorageManager } from '@umbra/core'
import { manageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copyDatabase } from '../copy-database.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
const opened: StorageManager[] = []

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await folder.remove()
})

async function open(
  options: Parameters<typeof openBehindOutbox>[2] = {},
  path = folder.sqlitePath,
): Promise<StorageManager> {
  const storage = await openBehindOutbox(store, path, options)
  opened.push(storage)
  return storage
}

async function close(storage: StorageManager): Promise<void> {
  opened.splice(opened.indexOf(storage), 1)
  await storage.close()
}

/** What the store itself holds. */
async function contents(): Promise<unknown[]> {
  const direct = manageBackend(store.direct)
  return (await direct.retrieveData('m', 'u')).map(({ id, data }) => [id, data])
}

function record(storage: StorageManager, ...events: StorageEvent[]): string[] {
  const seen: string[] = []
  for (const event of events) storage.on(event, () => seen.push(event))
  return seen
}

describe('a write', () => {
  it('whose answer is lost is applied once and ends up committed', async () => {
    const storage = await open()
    store.fates.push('lost')
    const { id, pending } = await storage.storeData({ ...AT, data: 1 })
    expect(pending).toBe(true)
    await storage.sync()
    expect(await contents()).toEqual([[id, 1]])
    expect(store.applied).toHaveLength(1)
    expect(await storage.conflicts()).toEqual([])
  })

  it('that the store refuses at once is refused to its caller and not listed', async () => {
    const storage = await open()
    await storage.storeData({ ...AT, id: 'a', data: 1 })
    await expect(storage.storeData({ ...AT, id: 'a', data: 2 })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    expect(await storage.conflicts()).toEqual([])
  })

  it('that certainly conflicts with what is pending is refused during an outage', async () => {
    const storage = await open()
    store.usually = 'down'
    const first = await storage.storeData({ ...AT, id: 'a', data: 1 })
    for (let tries = 0; tries < 3; tries++) await storage.storeData({ ...AT, data: tries })
    await expect(storage.storeData({ ...AT, id: 'a', data: 2 })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    await storage.updateData({ ...AT, recordId: 'a', data: 3, ifMatch: first.etag })
    const stale = storage.updateData({ ...AT, recordId: 'a', data: 4, ifMatch: first.etag })
    await expect(stale).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await storage.deleteData('m', 'u', 'a')).toBe(true)
    expect(await storage.retrieveData('m', 'u', 'a')).toBeNull()
  })

  it('into a full outbox is refused and nothing that waits is dropped', async () => {
    const storage = await open({ limits: { maxBytes: 20_000 } })
    store.usually = 'down'
    const kept: string[] = []
    let refused: unknown
    while (refused === undefined) {
      try {
        kept.push((await storage.storeData({ ...AT, data: 'x'.repeat(2_000) })).id)
      } catch (error) {
        refused = error
      }
    }
    expect(refused).toMatchObject({ code: 'OUTBOX_FULL', retryable: true })
    expect(kept.length).toBeGreaterThan(2)
    store.usually = 'ok'
    await storage.sync()
    expect((await contents()).map((one) => (one as unknown[])[0])).toEqual(kept)
  })
})

describe('operations that cannot be stored', () => {
  it('do not keep the ones behind them from being stored, and are listed', async () => {
    const storage = await open()
    store.usually = 'down'
    store.poison = 'poison'
    const ids = ['a', 'b', 'poison', 'c', 'poison2', 'd', 'e']
    for (const id of ids) await storage.storeData({ ...AT, id, data: id })
    const seen = record(storage, 'conflict', 'drained')
    store.usually = 'ok'
    expect(await storage.sync()).toEqual({ pending: 0 })
    expect(await contents()).toEqual(['a', 'b', 'c', 'd', 'e'].map((id) => [id, id]))
    const listed = await storage.conflicts()
    expect(listed).toMatchObject([
      { kind: 'dead', recordIds: ['poison'], error: { code: 'TOO_LARGE' }, path: 'm/u' },
      { kind: 'dead', recordIds: ['poison2'] },
    ])
    expect(seen.filter((event) => event === 'conflict')).toHaveLength(2)
    store.poison = undefined
    await storage.resolveConflict(listed[0]?.id ?? '', 'retry')
    await storage.resolveConflict(listed[1]?.id ?? '', 'discard')
    await storage.sync()
    expect((await contents()).length).toBe(6)
    expect(await storage.conflicts()).toEqual([])
  })

  it('take those that were queued over them along', async () => {
    const storage = await open()
    store.usually = 'down'
    store.poison = 'poison'
    await storage.storeData({ ...AT, id: 'poison', data: 1 })
    await storage.deleteData('m', 'u', 'poison')
    await storage.storeData({ ...AT, id: 'z', data: 1 })
    store.usually = 'ok'
    await storage.sync()
    expect((await storage.conflicts()).map(({ error }) => error.code)).toEqual(['TOO_LARGE', 'NOT_FOUND'])
    expect(await contents()).toEqual([['z', 1]])
  })
})

describe('a change that somebody else came before', () => {
  async function changeBoth(options: Parameters<typeof openBehindOutbox>[2] = {}) {
    const storage = await open(options)
    const { etag } = await storage.storeData({ ...AT, id: 'a', data: 'base' })
    store.usually = 'down'
    const other = manageBackend(store.direct)
    await other.updateData({ ...AT, recordId: 'a', data: 'theirs' })
    await new Promise((resolve) => setTimeout(resolve, 2))
    const ours = await storage.updateData({ ...AT, recordId: 'a', data: 'ours', ifMatch: etag })
    expect(ours).toMatchObject({ pending: true, revision: 2 })
    store.usually = 'ok'
    await storage.sync()
    return storage
  }

  it('is listed, and put over theirs only when somebody says so', async () => {
    const storage = await changeBoth()
    expect(await contents()).toEqual([['a', 'theirs']])
    const [listed] = await storage.conflicts()
    expect(listed).toMatchObject({ kind: 'conflict', error: { code: 'PRECONDITION_FAILED' } })
    await storage.resolveConflict(listed?.id ?? '', 'retry')
    await storage.sync()
    expect(await contents()).toEqual([['a', 'ours']])
    expect(await storage.conflicts()).toEqual([])
  })

  it('is listed also when it deletes, its refusal is not heard, and they delete as well', async () => {
    const storage = await open()
    await storage.storeData({ ...AT, id: 'a', data: 'base' })
    const other = manageBackend(store.direct)
    await other.updateData({ ...AT, recordId: 'a', data: 'theirs' })
    store.usually = 'down'
    await storage.deleteData('m', 'u', 'a')
    store.fates.push('lost')
    expect(await storage.sync({ timeoutMs: 40 })).toEqual({ pending: 1 })
    expect(store.fates).toEqual([])
    await other.deleteData('m', 'u', 'a')
    store.usually = 'ok'
    await storage.sync()
    expect(await storage.conflicts()).toMatchObject([{ recordIds: ['a'] }])
  })

  it('wins with last-write-wins when it is the later one, and is listed all the same', async () => {
    const storage = await changeBoth({ policy: { conflicts: 'last-write-wins' } })
    expect(await contents()).toEqual([['a', 'ours']])
    expect(await storage.conflicts()).toHaveLength(1)
  })
})

describe('health', () => {
  it('becomes good when the store answers again, though nobody reads or writes meanwhile', async () => {
    const storage = await open()
    const seen = record(storage, 'degraded', 'recovered')
    store.usually = 'down'
    for (let n = 0; n < 3; n++) await storage.retrieveData('m', 'u').catch(() => undefined)
    await expect.poll(async () => (await storage.health()).message).toContain('the fake is down')
    expect(await storage.health()).toMatchObject({ healthy: false, outbox: { breaker: 'open' } })
    store.usually = 'ok'
    expect(await storage.health()).toMatchObject({ healthy: true, outbox: { breaker: 'closed' } })
    expect(seen).toEqual(['degraded', 'recovered'])
  })
})

describe('refused credentials', () => {
  it('pause, are announced, and drop nothing', async () => {
    const storage = await open()
    const seen = record(storage, 'degraded', 'recovered', 'drained')
    store.usually = 'forbidden'
    const stored = []
    for (let n = 0; n < 5; n++) stored.push(await storage.storeData({ ...AT, data: n }))
    expect(stored.every(({ pending }) => pending)).toBe(true)
    expect((await storage.health()).outbox).toMatchObject({
      depth: 5,
      paused: [{ path: 'm/u', error: { code: 'FORBIDDEN' } }],
    })
    store.usually = 'ok'
    expect(await storage.sync()).toEqual({ pending: 0 })
    expect(await contents()).toEqual(stored.map(({ id }, n) => [id, n]))
    expect(await storage.conflicts()).toEqual([])
    await expect.poll(() => seen).toEqual(['degraded', 'recovered', 'drained'])
    expect((await storage.health()).outbox?.paused).toEqual([])
  })

  it('are over when the last namespace is sent again', async () => {
    const storage = await open()
    const seen = record(storage, 'degraded', 'recovered')
    store.usually = 'forbidden'
    for (const userId of ['u', 'v']) await storage.storeData({ module: 'm', userId, data: 1 })
    store.usually = 'ok'
    await storage.sync()
    await expect.poll(() => seen).toEqual(['degraded', 'degraded', 'recovered'])
  })

  it('are over as soon as one write is taken, and announced again when the next is refused', async () => {
    const storage = await open()
    const seen = record(storage, 'degraded', 'recovered')
    store.usually = 'forbidden'
    for (const value of [1, 2]) await storage.putBlob('k', value)
    // Asked what it holds, and sent the first.
    store.fates.push('ok', 'ok')
    await expect.poll(() => seen).toEqual(['degraded', 'recovered', 'degraded'])
    store.usually = 'ok'
    await storage.sync()
    await expect.poll(() => seen).toEqual(['degraded', 'recovered', 'degraded', 'recovered'])
  })

  it('are over when another process, that has others, has sent what was pending', async () => {
    const storage = await open({ policy: { pausedRetryMs: 60_000 } })
    const seen = record(storage, 'degraded', 'recovered')
    store.fates.push('forbidden')
    await storage.storeData({ ...AT, data: 1 })
    const other = await open()
    await other.sync()
    expect(await contents()).toHaveLength(1)
    // Something else to send, so that it looks at once.
    store.fates.push('down')
    await storage.storeData({ module: 'm', userId: 'v', data: 1 })
    await storage.sync()
    await expect.poll(() => seen).toEqual(['degraded', 'recovered'])
  })
})

describe('blobs', () => {
  it('wait in order, chain by their etags and are read meanwhile', async () => {
    const storage = await open()
    const { etag } = await storage.putBlob('k', 1)
    store.usually = 'down'
    const second = await storage.putBlob('k', 2, { ifMatch: etag })
    expect(second.pending).toBe(true)
    const third = await storage.putBlob('k', 3, { ifMatch: second.etag })
    await expect(storage.putBlob('k', 4, { ifMatch: second.etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    expect(await storage.getBlob('k')).toMatchObject({ value: 3, etag: third.etag })
    store.fates.push('lost')
    store.usually = 'ok'
    await storage.sync()
    expect(await manageBackend(store.direct).getBlob('k')).toMatchObject({ value: 3 })
    expect(await storage.conflicts()).toEqual([])
  })
})

describe('a blob that is longer than what the file keeps in one piece', () => {
  const value = 'x'.repeat(3 * 1024 ** 2)

  it('is stored, not deleted, at once or later', async () => {
    const storage = await open()
    await storage.putBlob('k', value)
    expect((await manageBackend(store.direct).getBlob('k'))?.value).toBe(value)
    store.usually = 'down'
    expect(await storage.putBlob('k', `${value}y`)).toMatchObject({ pending: true })
    expect((await storage.getBlob('k'))?.value).toBe(`${value}y`)
    store.usually = 'ok'
    await storage.sync()
    expect((await manageBackend(store.direct).getBlob('k'))?.value).toBe(`${value}y`)
  })
})

describe('copies of the file', () => {
  it('that run at the same time lose nothing and apply nothing twice', async () => {
    const first = await open()
    await first.storeData({ ...AT, id: 'before', data: 0 })
    store.usually = 'down'
    await first.storeData({ ...AT, id: 'shared', data: 1 })
    await close(first)
    const copy = `${folder.sqlitePath}-copy`
    await copyFile(folder.sqlitePath, copy)
    const original = await open()
    const clone = await open({}, copy)
    await original.storeData({ ...AT, id: 'original', data: 2 })
    await clone.storeData({ ...AT, id: 'clone', data: 3 })
    store.usually = 'ok'
    await original.sync()
    await clone.sync()
    expect(await contents()).toEqual(
      expect.arrayContaining([
        ['before', 0],
        ['shared', 1],
        ['original', 2],
        ['clone', 3],
      ]),
    )
    expect(store.applied).toHaveLength(4)
    expect([await original.conflicts(), await clone.conflicts()]).toEqual([[], []])
  })

  it('that the store has forgotten find what is in place', async () => {
    const storage = await open()
    await storage.storeData({ ...AT, id: 'a', data: 1 })
    store.fates.push('lost')
    await storage.storeData({ ...AT, id: 'b', data: 2 })
    store.forgetWriters()
    await storage.storeData({ ...AT, id: 'c', data: 3 })
    await storage.sync()
    expect(await contents()).toHaveLength(3)
    expect(store.applied).toHaveLength(3)
    expect(await storage.conflicts()).toEqual([])
  })
})

it('does not bring back what was deleted since, when an old copy of the file is put back', async () => {
  const storage = await open()
  store.fates.push('down')
  const { id } = await storage.storeData({ ...AT, data: 1 })
  store.usually = 'down'
  const copy = await copyDatabase(folder.sqlitePath)
  store.usually = 'ok'
  await storage.sync()
  await storage.deleteData('m', 'u', id)
  await storage.storeData({ ...AT, id: 'later', data: 2 })
  await close(storage)
  // The copy may say that this process sends, which in it nobody does.
  const restored = await open({ limits: { leaseMs: 50 } }, copy)
  await restored.sync()
  expect(await contents()).toEqual([['later', 2]])
  expect(await restored.conflicts()).toEqual([])
})

it('says what it is: degraded, recovered, drained', async () => {
  const storage = await open()
  const seen = record(storage, 'degraded', 'recovered', 'drained')
  store.usually = 'down'
  for (let n = 0; n < 5; n++) await storage.storeData({ ...AT, data: n })
  store.usually = 'ok'
  await storage.sync()
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['degraded', 'recovered', 'drained'])
})
