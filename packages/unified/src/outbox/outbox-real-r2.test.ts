import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const OUTBOX = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }

let folder: StorageFolder
let server: LocalR2
const opened: StorageManager[] = []

async function startServer(port?: number): Promise<LocalR2> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' }
  return startLocalR2({ dir: join(folder.path, 'r2'), credentials, ...(port !== undefined && { port }) })
}

async function open(): Promise<StorageManager> {
  const settings = parseSettings({
    ...toEnvironment(server),
    SQLITE_PATH: folder.sqlitePath,
    STORAGE_BACKEND: 'r2',
  })
  const storage = await createStorageManager(settings, { outbox: OUTBOX })
  opened.push(storage)
  return storage
}

beforeEach(async () => {
  folder = await createStorageFolder()
  server = await startServer()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await server.close()
  await folder.remove()
})

it('commits while R2 answers, keeps what is stored while it does not, and sends it when it is back', async () => {
  const storage = await open()
  const first = await storage.storeData({ ...AT, data: { n: 1 } })
  expect(first).toMatchObject({ pending: false, storageBackend: 'r2', revision: 1 })
  const port = Number(new URL(server.endpoint).port)
  await server.close()
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
  await expect(storage.listEntries('m', 'u', { consistency: 'strong' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  expect((await storage.health()).outbox).toMatchObject({ depth: 2 })
  server = await startServer(port)
  expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
  const records = await storage.retrieveData('m', 'u')
  expect(records.map(({ data, pending, etag }) => [data, pending, etag])).toEqual([
    [{ n: 1 }, false, first.etag],
    [{ n: 3 }, false, changed.etag],
  ])
})

it('opens while R2 is away, and hands over when it is back', async () => {
  const port = Number(new URL(server.endpoint).port)
  await server.close()
  const storage = await open()
  const stored = await storage.storeData({ ...AT, data: 'kept' })
  expect(stored.pending).toBe(true)
  expect(await storage.retrieveData('m', 'u', stored.id)).toMatchObject({
    data: 'kept',
    stale: { asOf: null, pending: 1 },
  })
  expect(await storage.putBlob('settings', { a: 1 })).toMatchObject({ pending: true })
  await storage.close()
  server = await startServer(port)
  const again = await open()
  await again.sync({ timeoutMs: 20_000 })
  expect(await again.retrieveData('m', 'u', stored.id)).toMatchObject({ data: 'kept', pending: false })
  expect((await again.getBlob('settings'))?.value).toEqual({ a: 1 })
})
