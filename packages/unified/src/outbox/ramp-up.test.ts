import { namespacePath, UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { laneOf } from './lane-of.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { putOf } from './put-of.fixture.ts'

const LANES = 40

const users = Array.from({ length: LANES }, (_, n) => `u${n}`)

let folder: StorageFolder
let store: FakeStore
let outbox: Outbox
let backend: StorageBackend | undefined
let nowMs: number
/** What waits for time to pass: how long it wants to, and the way to end it. */
let sleeps: { readonly delayMs: number; readonly end: () => void }[]
/** Commits that have reached the store, and wait to be let go. */
let held: { readonly path: string; readonly letGo: () => void }[]

/** Time that stands still: what waits for some waits until it is ended. */
const clock = {
  now: () => nowMs,
  sleep: (delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
      if (signal?.aborted === true) reject(new Error('aborted'))
      sleeps.push({ delayMs, end: resolve })
    }),
}

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  outbox = await openOutbox({ path: folder.sqlitePath })
  nowMs = 1_000_000
  sleeps = []
  held = []
  for (const userId of users) {
    const namespace = { module: 'm', userId }
    await outbox.append(laneOf(namespace), { mutations: [putOf(namespace, 'a')] }, 'pending')
  }
})
afterEach(async () => {
  const closing = backend?.close()
  for (const { letGo } of held) letGo()
  await closing
  await folder.remove()
})

function open({ random = 0.5, isAway = false } = {}): void {
  const primary = store.client()
  const { numbered } = primary
  const holding: StorageBackend = {
    ...primary,
    numbered: {
      async commitNumbered(namespace, request) {
        await new Promise<void>((letGo) => held.push({ path: namespacePath(namespace), letGo }))
        if (numbered === undefined) throw new Error('the store numbers commits')
        return numbered.commitNumbered(namespace, request)
      },
    },
  }
  const awayBecause = new UmbraError('UNAVAILABLE', 'it was away when it was opened')
  backend = createOutboxBackend({
    primary: holding,
    outbox,
    clock,
    ids: { next: (at) => `${at}`, random: () => random },
    ...(isAway && { awayBecause }),
  })
}

/** The drainer waits for so long; then that has passed. */
async function pass(delayMs: number): Promise<void> {
  await expect.poll(() => sleeps.map((one) => one.delayMs)).toContain(delayMs)
  nowMs += delayMs
  const [due] = sleeps.splice(
    sleeps.findIndex((one) => one.delayMs === delayMs),
    1,
  )
  due?.end()
}

async function arrived(count: number): Promise<void> {
  await expect.poll(() => held.length).toBe(count)
  // More would be there by now: they are begun together.
  await new Promise((resolve) => setImmediate(resolve))
  expect(held).toHaveLength(count)
}

function letGo(count: number): void {
  for (const one of held.splice(0, count)) one.letGo()
}

describe('after an outage', () => {
  it.each([
    [0.25, 7_500],
    [0.5, 15_000],
    [0.75, 22_500],
  ])('a client whose chance is %f begins after %i ms', async (random, delayMs) => {
    open({ random, isAway: true })
    await pass(1_000 * (0.5 + random / 2))
    await pass(delayMs)
    await arrived(1)
  })

  it('one lane is sent, and with each that is sent twice as many at a time, up to 16', async () => {
    open({ isAway: true })
    await pass(750)
    await pass(15_000)
    for (const together of [1, 2, 4, 8, 16]) {
      await arrived(together)
      letGo(1)
    }
    await arrived(16)
  })
})

it('half as many are sent at a time with each that fails', async () => {
  open()
  // Soon only one may be sent at a time: none begins until all are back.
  for (let left = 16; left > 0; left--) {
    await arrived(left)
    store.fates.push('forbidden')
    letGo(1)
  }
  await arrived(1)
})

it('a slow lane does not hold up the others', async () => {
  open()
  const slow = namespacePath({ module: 'm', userId: 'u0' })
  for (let sent = 0; sent < LANES - 1;) {
    await expect.poll(() => held.some(({ path }) => path !== slow)).toBe(true)
    const others = held.filter(({ path }) => path !== slow)
    held = held.filter(({ path }) => path === slow)
    for (const one of others) one.letGo()
    sent += others.length
  }
  await expect.poll(() => store.applied).toHaveLength(LANES - 1)
  expect(held.map(({ path }) => path)).toEqual([slow])
})
