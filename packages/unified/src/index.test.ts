import { afterAll, beforeAll, expect, it } from 'vitest'
import { createStorageManager, parseSettings } from './index.ts'
import type {
  BackendHealth,
  OutboxHealth,
  OutboxOptions,
  Staleness,
  StorageEvent,
  StorageEvents,
  StorageManager,
  StorageRecord,
  UnifiedComponents,
  WriteConflict,
} from './index.ts'
import { startLocalR2 } from './local.ts'
import { toEnvironment } from './local-environment.fixture.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'
import type { StorageFolder } from './storage-folder.fixture.ts'

let folder: StorageFolder
beforeAll(async () => (folder = await createStorageFolder()))
afterAll(() => folder.remove())

/** What an application has that watches its storage, all of it by names of this package. */
function watch(storage: StorageManager) {
  const seen: StorageEvent[] = []
  const reasons: string[] = []
  const onDegraded = ({ reason }: StorageEvents['degraded']) => {
    seen.push('degraded')
    reasons.push(reason.code)
  }
  const onConflict = ({ id }: WriteConflict) => void reasons.push(id)
  const stops = [
    storage.on('degraded', onDegraded),
    storage.on('conflict', onConflict),
    storage.on('drained', () => seen.push('drained')),
  ]
  return { seen, reasons, stop: () => stops.forEach((stop) => stop()) }
}

function depthOf({ outbox }: BackendHealth): OutboxHealth['depth'] | undefined {
  return outbox?.depth
}

function ageOf({ stale }: StorageRecord): Staleness['asOf'] | undefined {
  return stale?.asOf
}

it('has names for everything that an application says and hears of the outbox', async () => {
  const server = await startLocalR2()
  const settings = parseSettings({ ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath })
  const outbox: OutboxOptions = { onlineTimeoutMs: 5_000, failuresInARow: 1, maxBytes: 1_000_000 }
  const components: UnifiedComponents = { outbox }
  const storage = await createStorageManager(settings, components)
  const { seen, reasons, stop } = watch(storage)
  await server.close()
  const stored = await storage.storeData({ module: 'm', userId: 'u', data: 1 })
  const read = await storage.retrieveData('m', 'u', stored.id)
  expect(read && ageOf(read)).toBeNull()
  expect(depthOf(await storage.health())).toBe(1)
  expect([seen, reasons]).toEqual([['degraded'], ['UNAVAILABLE']])
  stop()
  await storage.close()
})
