import { createIdSource, createMemoryBackend, systemClock, UmbraError } from '@umbra/core'
import type { NumberedRequest, NumberedResult } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { Alerts } from './alerts.ts'
import { Breaker } from './breaker.ts'
import { createEventHub } from './event-hub.ts'
import { sendLane } from './lane-sender.ts'
import { newLaneState } from './lane-state.ts'
import { LastSeen } from './last-seen.ts'
import { DEFAULT_OUTBOX_POLICY } from './outbox-policy.ts'

const LANE = { path: 'm/u', namespace: { module: 'm', userId: 'u' } }

let folder: StorageFolder
let outbox: Outbox

beforeEach(async () => {
  folder = await createStorageFolder()
  outbox = await openOutbox({ path: folder.sqlitePath })
  await append()
})
afterEach(async () => {
  await outbox.close()
  await folder.remove()
})

async function append(id = 'a'): Promise<void> {
  const remove = { kind: 'delete', id, expect: { kind: 'etag', etag: '1-x' }, at: '' } as const
  await outbox.append(LANE, { mutations: [remove] }, 'pending')
}

/** A sender to a store that answers everything like this. `asked`: whether it was told that it may have been asked before. */
function createSender(answer: (request: NumberedRequest) => NumberedResult, failing: Partial<Outbox> = {}) {
  const asked: boolean[] = []
  const primary = {
    ...createMemoryBackend(),
    numbered: {
      async commitNumbered(_: unknown, request: NumberedRequest) {
        asked.push(request.attempted ?? false)
        return answer(request)
      },
    },
  }
  const clock = systemClock
  const ids = createIdSource()
  const policy = DEFAULT_OUTBOX_POLICY
  const breaker = new Breaker({ clock, ids, policy, onOpen: () => {}, onClose: () => {} })
  const lastSeen = new LastSeen(outbox, clock, false)
  const events = createEventHub()
  const context = {
    primary,
    outbox: { ...outbox, ...failing },
    breaker,
    lastSeen,
    events,
    alerts: new Alerts(events, () => 0),
    policy,
    clock,
    ids,
  }
  const state = newLaneState(LANE)
  const hooks = { decided: async () => {} }
  const send = async () => {
    const lease = await outbox.lease(LANE)
    if (lease === undefined) throw new Error('nobody else has it')
    return sendLane(context, state, { lease, hooks, isStopping: () => false })
  }
  return { asked, send }
}

it('says that an operation may have been sent before, when the file could not take the new name', async () => {
  const full = new UmbraError('UNAVAILABLE', 'the disk is full')
  const forgets = (): never => {
    throw new UmbraError('CONFLICT', 'forgotten', { details: { reason: 'writer-forgotten' } })
  }
  const { asked, send } = createSender(forgets, { renameWriter: () => Promise.reject(full) })
  for (let tries = 0; tries < 2; tries++) await expect(send()).rejects.toBe(full)
  expect(asked).toEqual([true, true])
})

it('says so whenever it takes a lane up: another process may have sent since', async () => {
  const { asked, send } = createSender(({ operations, mark }) => ({
    outcomes: operations.map(() => ({ kind: 'committed', entries: [] })),
    mark,
  }))
  await send()
  await append('b')
  await send()
  expect(asked).toEqual([true, true])
})
