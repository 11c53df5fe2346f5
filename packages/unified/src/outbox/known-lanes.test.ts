import { createIdSource, systemClock } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox, OutboxSettings } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { Alerts } from './alerts.ts'
import { Breaker } from './breaker.ts'
import { Dispatcher } from './dispatcher.ts'
import { Drainer } from './drainer.ts'
import { createEventHub } from './event-hub.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { KnownLanes } from './known-lanes.ts'
import { blobLane, laneOf } from './lane-of.ts'
import { LastSeen } from './last-seen.ts'
import { QUICK, openBehindOutbox } from './outbox-backend.fixture.ts'
import { DEFAULT_OUTBOX_POLICY } from './outbox-policy.ts'
import type { OutboxPolicy } from './outbox-policy.ts'
import { putOf } from './put-of.fixture.ts'
import { createOutboxWriter } from './outbox-writer.ts'
import type { OutboxWriter } from './outbox-writer.ts'
import { waitUntilDrained } from './wait-until-drained.ts'

const LANES = 20

let folder: StorageFolder
let store: FakeStore
let outbox: Outbox
let lanes: KnownLanes
let drainer: Drainer
let writer: OutboxWriter

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  await open()
})
afterEach(async () => {
  await close()
  await folder.remove()
})

async function open(
  settings: Partial<OutboxSettings> = {},
  patience: Partial<OutboxPolicy> = {},
): Promise<void> {
  outbox = await openOutbox({ path: folder.sqlitePath, ...settings })
  const clock = systemClock
  const ids = createIdSource()
  const policy = { ...DEFAULT_OUTBOX_POLICY, ...QUICK, ...patience }
  const breaker = new Breaker({ clock, ids, policy, onOpen: () => {}, onClose: () => {} })
  const events = createEventHub()
  const alerts = new Alerts(events, () => 0)
  const lastSeen = new LastSeen(outbox, clock, false)
  const context = { primary: store.client(), outbox, breaker, lastSeen, events, alerts, policy, clock, ids }
  lanes = new KnownLanes(() => outbox.backlog(), alerts)
  const dispatcher = new Dispatcher(context, lanes, {
    onPending: () => drainer.wake(),
    onRefused: async () => {},
  })
  drainer = new Drainer(context, lanes, dispatcher)
  writer = createOutboxWriter(context, { lanes, dispatcher, drainer })
}

async function close(): Promise<void> {
  await drainer.close()
  await outbox.close()
}

/** One write in each of many lanes, of either kind. */
async function writeEverywhere() {
  const bytes = new TextEncoder().encode('1')
  const blob = { bytes, expect: undefined, base: null }
  const users = Array.from({ length: LANES }, (_, n) => `u${n}`)
  return Promise.allSettled([
    ...users.map((userId) => {
      const namespace = { module: 'm', userId }
      return writer.write(laneOf(namespace), { mutations: [putOf(namespace, 'a')] })
    }),
    ...users.map((key) => writer.write(blobLane(`json_blobs/${key}.json`), { blob })),
  ])
}

const drained = () => waitUntilDrained({ outbox, drainer, clock: systemClock, lanes })

/** The drainer has looked once more, and found nothing. */
async function idle(): Promise<void> {
  while (lanes.running().length > 0) await Promise.all(lanes.running())
  await new Promise((resolve) => setImmediate(resolve))
}

describe('of a lane in which nothing waits nothing is kept', () => {
  it('after its writes were committed, of records or of a blob', async () => {
    await writeEverywhere()
    await idle()
    expect(store.applied).toHaveLength(LANES)
    expect(lanes.size).toBe(0)
  })

  it('after it was drained, though it had to be tried again', async () => {
    store.usually = 'down'
    await writeEverywhere()
    expect(outbox.backlog()).toHaveLength(2 * LANES)
    store.usually = 'ok'
    await drained()
    await idle()
    expect(lanes.size).toBe(0)
  })

  it('when its write was refused before it was queued', async () => {
    await close()
    await open({ maxBytes: 1 })
    const refused = await writeEverywhere()
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true)
    expect(lanes.size).toBe(0)
  })

  it('after another process has drained it', async () => {
    await close()
    const limits = { leaseMs: 50 }
    await open(limits, { pausedRetryMs: 60_000 })
    store.usually = 'forbidden'
    await writeEverywhere()
    await idle()
    expect(lanes.paused()).toHaveLength(2 * LANES)
    store.usually = 'ok'
    const other = await openBehindOutbox(store, folder.sqlitePath, { limits })
    await other.sync()
    await other.close()
    expect(lanes.paused()).toEqual([])
    drainer.wake()
    await idle()
    expect(lanes.size).toBe(0)
  })
})
