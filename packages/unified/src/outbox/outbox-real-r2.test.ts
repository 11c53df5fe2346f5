import { parseSettings } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { everyStrongRead } from '../every-strong-read.fixture.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const OUTBOX = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }

let folder: StorageFolder
let r2: StoppableR2
const opened: StorageManager[] = []

async function open(): Promise<StorageManager> {
  const settings = parseSettings({
    ...toEnvironment(r2.server),
    SQLITE_PATH: folder.sqlitePath,
    STORAGE_BACKEND: 'r2',
  })
  const storage = await createStorageManager(settings, { outbox: OUTBOX })
  opened.push(storage)
  return storage
}

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await r2.stop()
  await folder.remove()
})

it('commits while R2 answers, keeps what is stored while it does not, and sends it when it is back', async () => {
  const storage = await open()
  const first = await storage.storeData({ ...AT, data: { n: 1 } })
  expect(first).toMatchObject({ pending: false, storageBackend: 'r2', revision: 1 })
  await r2.stop()
  const second = await storage.storeData({ ...AT, data: { n: 2 } })
  expect(second).toMatchObject({ pending: true, storageBackend: 'sqlite', revision: 1 })
  const changed = await storage.updateData({
    ...AT,
    recordId: second.id,
    data: { n: 3 },
    ifMatch: second.etag,
  })
  expect(changed).toMatchObject({ pending: true, revision: 2 })
  const listed = await storage.listEntries('m', 'u')
  expect(listed.items.map(({ id, pending, stale }) => [id, pending, stale?.pending])).toEqual([
    [first.id, false, 1],
    [second.id, true, 1],
  ])
  expect(listed.stale).toEqual({ asOf: expect.any(String), pending: 1 })
  // Nothing is found, and that may be out of date.
  expect(await storage.searchData('m', 'u', 'walnut')).toEqual({ items: [], stale: listed.stale })
  const strong = await everyStrongRead(storage, { ...AT, id: second.id })
  expect(new Set(Object.values(strong))).toEqual(new Set(['UNAVAILABLE']))
  expect((await storage.health()).outbox).toMatchObject({ depth: 2 })
  await r2.start()
  expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  expect(await storage.searchData('m', 'u', 'walnut')).toEqual({ items: [] })
  const records = await storage.retrieveData('m', 'u')
  expect(records.map(({ data, pending, etag }) => [data, pending, etag])).toEqual([
    [{ n: 1 }, false, first.etag],
    [{ n: 3 }, false, changed.etag],
  ])
})

it('opens while R2 is away, and hands over when it is back', async () => {
  await r2.stop()
  const storage = await open()
  const stored = await storage.storeData({ ...AT, data: 'kept' })
  expect(stored.pending).toBe(true)
  expect(await storage.retrieveData('m', 'u', stored.id)).toMatchObject({
    data: 'kept',
    stale: { asOf: null, pending: 1 },
  })
  const blob = await storage.putBlob('settings', { a: 1 })
  expect(blob.pending).toBe(true)
  expect(await storage.getBlob('settings')).toEqual({ value: { a: 1 }, ...blob })
  await storage.close()
  await r2.start()
  const again = await open()
  await again.sync({ timeoutMs: 20_000 })
  expect(await again.retrieveData('m', 'u', stored.id)).toMatchObject({ data: 'kept', pending: false })
  expect((await again.getBlob('settings'))?.value).toEqual({ a: 1 })
})
