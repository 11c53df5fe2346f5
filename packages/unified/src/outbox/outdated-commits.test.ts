import { manageBackend, systemClock } from '@umbra/core'
import type { ObjectStore, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000

let server: LocalR2
let folder: StorageFolder
let storage: StorageManager
let aheadMs: number

beforeEach(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
  aheadMs = 0
  const clock = { ...systemClock, now: () => Date.now() + aheadMs }
  const primary = await createR2Backend(server.settings, { clock })
  const outbox = await openOutbox({ path: folder.sqlitePath })
  storage = manageBackend(createOutboxBackend({ primary, outbox, policy: QUICK }))
})
afterEach(async () => {
  await storage.close()
  await server.close()
  await folder.remove()
})

/** Somebody whose clock is a year ahead collects an orphan: what is older than that year counts as collected. */
async function collectAhead(): Promise<void> {
  const clock = { ...systemClock, now: () => Date.now() + YEAR_MS }
  let bucket: ObjectStore | undefined
  const decorate = (objects: ObjectStore) => (bucket = objects)
  const collector = await createR2Backend(server.settings, { clock, decorate })
  await bucket?.put('m/u/2026/01/01/orphan.json', new TextEncoder().encode('1'))
  await collector.maintenance?.collect(AT)
  await collector.close()
}

it('commits that are outdated as often as they are tried are tried later: no outage, and nobody is asked to decide', async () => {
  await storage.storeData({ ...AT, id: 'before', data: 0 })
  await collectAhead()
  for (const data of [1, 2, 3, 4]) {
    const stored = await storage.storeData({ ...AT, id: `r${data}`, data })
    expect(stored).toMatchObject({ pending: true })
  }
  expect((await storage.health()).outbox).toMatchObject({
    breaker: 'closed',
    depth: 4,
    paused: [],
    conflicts: 0,
  })
  aheadMs = 2 * YEAR_MS
  expect(await storage.sync()).toEqual({ pending: 0 })
  expect((await storage.retrieveData('m', 'u')).map(({ data }) => data)).toEqual([0, 1, 2, 3, 4])
  expect(await storage.conflicts()).toEqual([])
})
