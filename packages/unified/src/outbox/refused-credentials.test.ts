import { parseSettings } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { startFaultProxy } from '@umbra/core/testing'
import type { FaultProxy } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { everyStrongRead } from '../every-strong-read.fixture.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const STRONG = { consistency: 'strong' } as const

let folder: StorageFolder
let server: LocalR2
let proxy: FaultProxy
const opened: StorageManager[] = []

async function open(backend: string): Promise<StorageManager> {
  const env = toEnvironment({ ...server, endpoint: proxy.endpoint })
  const settings = parseSettings({ ...env, SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: backend })
  const storage = await createStorageManager(settings, { outbox: { recoveryJitterMs: 0 } })
  opened.push(storage)
  return storage
}

const refuse = (code: string) => proxy.setFaults([{ fault: { kind: 'refused-credentials', code } }])
const accept = () => proxy.setFaults([])

beforeEach(async () => {
  folder = await createStorageFolder()
  server = await startLocalR2()
  proxy = await startFaultProxy({ target: server.endpoint, seed: 1 })
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await proxy.close()
  await server.close()
  await folder.remove()
})

describe.each([
  ['r2', 'Unauthorized', 'UNAUTHENTICATED'],
  ['hybrid', 'AccessDenied', 'FORBIDDEN'],
])('%s whose credentials are refused', (backend, reason, code) => {
  it('reads what was seen last and what is pending, and says so', async () => {
    const storage = await open(backend)
    await storage.storeData({ ...AT, id: 'before', data: 'walnut' })
    await storage.putBlob('gone', 1)
    refuse(reason)
    expect(await storage.deleteBlob('gone')).toBe(true)
    expect(await storage.getBlob('gone')).toBeNull()
    expect(await storage.storeData({ ...AT, id: 'during', data: 'walnut' })).toMatchObject({ pending: true })
    const stale = { asOf: expect.any(String), pending: 1 }
    expect(await storage.retrieveData('m', 'u', 'during')).toMatchObject({
      data: 'walnut',
      pending: true,
      stale,
    })
    const shown = [
      { id: 'before', pending: false, stale },
      { id: 'during', pending: true, stale },
    ]
    expect((await storage.listEntries('m', 'u')).items).toMatchObject(shown)
    expect((await storage.searchEntries('m', 'u', 'walnut', { order: 'oldest' })).items).toMatchObject(shown)
    const strong = await everyStrongRead(storage, { ...AT, id: 'during' })
    expect(new Set(Object.values(strong))).toEqual(new Set([code]))

    accept()
    expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
    const { pending, stale: none } = (await storage.retrieveData('m', 'u', 'during', STRONG)) ?? {}
    expect([pending, none]).toEqual([false, undefined])
    expect(await storage.getBlob('gone')).toBeNull()
  })

  it('reads what is pending also when they are refused from its start', async () => {
    await (await open(backend)).storeData({ ...AT, id: 'before', data: 1 })
    refuse(reason)
    const storage = await open(backend)
    await storage.storeData({ ...AT, id: 'during', data: 2 })
    expect(await storage.retrieveData('m', 'u', 'during')).toMatchObject({
      data: 2,
      stale: { asOf: null, pending: 1 },
    })
    // R2 alone: a part of the truth is not an answer, and the reason is what can be mended.
    const listing = storage.listEntries('m', 'u')
    if (backend === 'r2') await expect(listing).rejects.toMatchObject({ code })
    else expect((await listing).items).toMatchObject([{ id: 'before' }, { id: 'during' }])
  })
})

it('a hybrid shows its copies of records and blobs while its credentials are refused', async () => {
  const storage = await open('hybrid')
  await storage.storeData({ ...AT, id: 'a', data: { n: 1 } })
  await storage.putBlob('settings', { theme: 'dark' })
  refuse('AccessDenied')
  expect(await storage.retrieveData('m', 'u')).toMatchObject([{ data: { n: 1 }, storageBackend: 'sqlite' }])
  expect(await storage.getBlob('settings')).toMatchObject({
    value: { theme: 'dark' },
    stale: { asOf: null, pending: 0 },
  })
  await expect(storage.getBlob('settings', STRONG)).rejects.toMatchObject({ code: 'FORBIDDEN' })
})
