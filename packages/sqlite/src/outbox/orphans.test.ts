import { UmbraError } from '@umbra/core'
import { beforeEach, expect, it } from 'vitest'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import { createSetClock, etagOf, holderNamed, LANE, leaseOf, openTestOutbox, put } from './outbox.fixture.ts'
import type { Appended, Outbox } from './outbox-port.ts'

const LEASE_MS = 30_000
const REFUSED = { code: 'PRECONDITION_FAILED' }

let path: string
let alive: string[]
let clock: ReturnType<typeof createSetClock>

beforeEach(async () => {
  path = await newDatabasePath()
  clock = createSetClock()
  alive = ['1-dying', '2-other']
})

const openAs = (name: string): Promise<Outbox> =>
  openTestOutbox({ path, leaseMs: LEASE_MS }, { clock, holder: holderNamed(name, alive) })

/** What a change replaces that is on its way when its process dies. */
async function dieChanging(name: string): Promise<string> {
  const dying = await openAs(name)
  const { entries }: Appended = await dying.append(LANE, { mutations: [put('a', 'old')] }, 'pending')
  const replaced = etagOf(entries)
  await dying.append(LANE, { mutations: [put('a', 'new', replaced)] }, 'trying')
  alive.splice(0, alive.length, ...alive.filter((one) => one !== name))
  return replaced
}

const change = (outbox: Outbox, etag: string) =>
  outbox.append(LANE, { mutations: [put('a', 'later', etag)] }, 'pending')

it('a change whose process died is pending for the next one on the file', async () => {
  const replaced = await dieChanging('1-dying')
  const next = await openAs('3-next')
  const pending = next.pendingEntry(LANE.path, 'a')
  expect(pending).toMatchObject({ rev: 2, text: 'new' })
  await expect(change(next, replaced)).rejects.toMatchObject(REFUSED)
  await change(next, etagOf(pending === undefined ? [] : [pending]))
})

it('nor does one that was there before accept a change beside it', async () => {
  const other = await openAs('2-other')
  const replaced = await dieChanging('1-dying')
  await expect(change(other, replaced)).rejects.toMatchObject(REFUSED)
  expect(other.pendingEntry(LANE.path, 'a')).toMatchObject({ rev: 2, text: 'new' })
})

it('of one in another container that is known once a living caller would have been told', async () => {
  await dieChanging('1-unseen')
  expect((await openAs('3-next')).pendingEntry(LANE.path, 'a')).toMatchObject({ rev: 1, text: 'old' })
  clock.setTo(clock.now() + LEASE_MS)
  expect((await openAs('4-next')).pendingEntry(LANE.path, 'a')).toMatchObject({ rev: 2, text: 'new' })
})

it('whose caller lives in another container after all is kept for it when it is refused', async () => {
  const caller = await openAs('1-unseen')
  const { pk, opId } = await caller.append(LANE, { mutations: [put('a', 'x')] }, 'trying')
  clock.setTo(clock.now() + LEASE_MS)
  const other = await openAs('2-other')
  const lease = await leaseOf(other)
  const decision = { kind: 'conflict', error: new UmbraError('ALREADY_EXISTS', 'the id is taken') } as const
  const decided = other.waiting(lease, 10).map((operation) => ({ operation, decision }))
  await other.decide(lease, decided, undefined)
  expect(other.listed()).toEqual([])
  clock.setTo(clock.now() + LEASE_MS)
  await other.discard(opId)
  expect(await caller.settled(pk)).toMatchObject({ kind: 'refused' })
})
