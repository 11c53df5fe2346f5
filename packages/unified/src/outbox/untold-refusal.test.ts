import { EventEmitter, once } from 'node:events'
import { manageBackend, systemClock } from '@umbra/core'
import type { Clock, StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { holdCommits } from './hold-commits.fixture.ts'
import { laneOf } from './lane-of.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }
/** A refusal is listed then, though its caller may yet come: it should have long since. */
const LONG_MS = 500

let folder: StorageFolder
let store: FakeStore
/** `looks`: the process of the caller is about to see what became of its operation. `look`: it may. */
let told: EventEmitter
let caller: StorageManager
let sender: StorageManager

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  told = new EventEmitter()
  const limits = { leaseMs: LONG_MS }
  const outbox = await openOutbox({ path: folder.sqlitePath, ...limits })
  const primary = store.client()
  caller = manageBackend(createOutboxBackend({ primary, outbox, policy: QUICK, clock: slowToLook() }))
  sender = await openBehindOutbox(store, folder.sqlitePath, {
    limits,
    policy: { conflicts: 'last-write-wins' },
  })
})
afterEach(async () => {
  told.emit('look')
  await caller.close()
  await sender.close()
  await folder.remove()
})

/** Between two looks at what another process sends it waits until it is told. */
function slowToLook(): Clock {
  return {
    now: () => systemClock.now(),
    async sleep(delayMs, signal) {
      if (delayMs !== 20) return systemClock.sleep(delayMs, signal)
      const look = once(told, 'look')
      told.emit('looks')
      await look
    },
  }
}

/** A change over a version that is not current any more, which waits in one process, and which the other sends. */
async function refuseElsewhere() {
  const { etag } = await caller.storeData({ ...AT, id: 'a', data: 'first' })
  await manageBackend(store.direct).updateData({ ...AT, recordId: 'a', data: 'theirs' })
  store.usually = 'down'
  const holder = await openOutbox({ path: folder.sqlitePath, leaseMs: LONG_MS })
  await holder.lease(laneOf(AT))
  const looks = once(told, 'looks')
  const change = caller.updateData({ ...AT, recordId: 'a', data: 'ours', ifMatch: etag })
  const outcome = change.catch((error: unknown) => error)
  await looks
  await holder.close()
  store.usually = 'ok'
  await sender.sync()
  // In an object: a promise that is returned by itself would be waited for.
  return { outcome }
}

async function contents(): Promise<unknown> {
  return (await manageBackend(store.direct).retrieveData('m', 'u', 'a'))?.data
}

describe('a refusal that another process finds', () => {
  it('reaches its caller though somebody discarded it before', async () => {
    const { outcome } = await refuseElsewhere()
    await systemClock.sleep(LONG_MS)
    const [listed] = await sender.conflicts()
    await sender.resolveConflict(listed?.id ?? '', 'discard')
    told.emit('look')
    expect(await outcome).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await contents()).toBe('theirs')
  })

  it('reaches its caller though somebody had it tried again before', async () => {
    const { outcome } = await refuseElsewhere()
    await systemClock.sleep(LONG_MS)
    const [listed] = await sender.conflicts()
    await sender.resolveConflict(listed?.id ?? '', 'retry')
    await sender.sync()
    told.emit('look')
    expect(await outcome).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await contents()).toBe('ours')
  })

  it('is not announced there, nor is the change made all the same: its caller is told that it is not', async () => {
    let announced = 0
    sender.on('conflict', () => announced++)
    const { outcome } = await refuseElsewhere()
    told.emit('look')
    expect(await outcome).toMatchObject({ code: 'PRECONDITION_FAILED' })
    await sender.sync()
    expect(await contents()).toBe('theirs')
    expect(announced).toBe(0)
    expect(await sender.conflicts()).toEqual([])
  })
})

it('a refusal is announced when its caller was told, while it was sent, that it is pending', async () => {
  const told = new EventEmitter()
  const storage = manageBackend(
    createOutboxBackend({
      primary: holdCommits(store.client(), told),
      outbox: await openOutbox({ path: `${folder.sqlitePath}-other` }),
      policy: { ...QUICK, onlineTimeoutMs: 10 },
    }),
  )
  await manageBackend(store.direct).storeData({ ...AT, id: 'a', data: 'theirs' })
  const announced = new Promise((resolve) => void storage.on('conflict', resolve))
  expect(await storage.storeData({ ...AT, id: 'a', data: 'ours' })).toMatchObject({ pending: true })
  told.emit('end m/u')
  expect(await announced).toMatchObject({ recordIds: ['a'], error: { code: 'ALREADY_EXISTS' } })
  await storage.close()
})
