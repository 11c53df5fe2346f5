import { collectBytes, UmbraError } from '@umbra/core'
import Database from 'better-sqlite3'
import { beforeEach, describe, expect, it } from 'vitest'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import { createSetClock, holderNamed, LANE, leaseOf, openTestOutbox, put } from './outbox.fixture.ts'
import type { Outbox } from './outbox-port.ts'

const ERROR = new UmbraError('ALREADY_EXISTS', 'the id is taken')
/** From then on a refusal is listed though its caller may yet come: it is long since it should have. */
const LONG_MS = 30_000
const REFUSED = { kind: 'refused', error: { code: 'ALREADY_EXISTS' } }

let path: string
let alive: string[]
let clock: ReturnType<typeof createSetClock>
let caller: Outbox
let other: Outbox

beforeEach(async () => {
  path = await newDatabasePath()
  clock = createSetClock()
  alive = ['1-caller', '2-other']
  caller = await openAs('1-caller')
  other = await openAs('2-other')
})

function openAs(name: string): Promise<Outbox> {
  return openTestOutbox({ path, leaseMs: LONG_MS }, { clock, holder: holderNamed(name, alive) })
}

/** A write whose caller waits in one process, and that another one sends and finds refused. */
async function refuse(id: string, text = 'x') {
  const lease = await leaseOf(other)
  const { pk, opId } = await caller.append(LANE, { mutations: [put(id, text)] }, 'trying')
  await decideRefused(lease)
  return { pk, opId }
}

async function decideRefused(lease: Awaited<ReturnType<typeof leaseOf>>): Promise<void> {
  const decided = other
    .waiting(lease, 10)
    .map((operation) => ({ operation, decision: { kind: 'conflict', error: ERROR } as const }))
  await other.decide(lease, decided, undefined)
  clock.setTo(clock.now() + LONG_MS)
}

function rows(): unknown[] {
  const file = new Database(path, { readonly: true })
  try {
    return file.prepare('select state, bytes from outbox_ops order by pk').all()
  } finally {
    file.close()
  }
}

it('a refusal is not listed at once when its caller may live in another container', async () => {
  caller = await openAs('1-unseen')
  const lease = await leaseOf(other)
  const { opId } = await caller.append(LANE, { mutations: [put('a', 'x')] }, 'trying')
  await decideRefused(lease)
  clock.setTo(clock.now() - 1)
  expect(other.findListed(opId)).toBeUndefined()
  clock.setTo(clock.now() + 1)
  expect(other.findListed(opId)).toBeDefined()
})

it('the lease of a process that cannot be seen counts for nothing: it may have ended with its container', async () => {
  const unseen = await openAs('1-unseen')
  await leaseOf(unseen)
  expect(await other.lease(LANE)).toBeDefined()
})

describe('a refusal about which somebody decides before its caller has heard of it', () => {
  it('is told to the caller when it was discarded', async () => {
    const { pk, opId } = await refuse('a')
    await other.discard(opId)
    expect(other.listed()).toEqual([])
    expect(other.usage().bytes).toBe(0)
    await expect(other.discard(opId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await caller.settled(pk)).toMatchObject(REFUSED)
    expect(rows()).toEqual([])
    expect(other.usage().bytes).toBe(0)
  })

  it('is told to the caller when it is to be tried again, which it is as an operation of its own', async () => {
    const { pk, opId } = await refuse('a', 'content')
    const { bytes } = other.usage()
    await other.retry(opId, [`3-${'0'.repeat(32)}`])
    expect(await caller.markPending([pk])).toEqual(new Set())
    expect(await caller.settled(pk)).toMatchObject(REFUSED)
    expect(other.usage().bytes).toBe(bytes)
    // Whoever decides leaves it to one that can send.
    const [again, ...more] = caller.waiting(await leaseOf(caller), 10)
    expect(more).toEqual([])
    expect(again).toMatchObject({ n: 2, entries: [{ id: 'a', rev: 4 }] })
    const [mutation] = again?.mutations ?? []
    if (mutation?.kind !== 'put') throw new Error('it is a put')
    expect(Buffer.from(await collectBytes(mutation.body.stream())).toString()).toBe('content')
    expect(rows()).toMatchObject([{ state: 'pending', bytes }])
  })

  it('is not kept for a caller whose process has died', async () => {
    const discarded = await refuse('a')
    await other.discard(discarded.opId)
    expect(rows()).toEqual([{ state: 'untold', bytes: 0 }])
    const listed = await refuse('b')
    alive.shift()
    await other.discard(listed.opId)
    expect(rows()).toEqual([{ state: 'untold', bytes: 0 }])
    // It goes with the next one that is left for somebody.
    alive.push('3-caller')
    caller = await openAs('3-caller')
    const next = await refuse('c')
    await other.discard(next.opId)
    expect(await caller.settled(next.pk)).toMatchObject(REFUSED)
    expect(rows()).toEqual([])
  })

  it('is told to a caller in another container, whose process cannot be seen from here', async () => {
    caller = await openAs('1-unseen')
    const { pk, opId } = await refuse('a')
    await other.discard(opId)
    expect(await caller.settled(pk)).toMatchObject(REFUSED)
    expect(rows()).toEqual([])
  })

  it('is kept for a caller whose process is seen to live, however long it was frozen', async () => {
    const first = await refuse('a')
    await other.discard(first.opId)
    clock.setTo(clock.now() + 25 * 60 * 60 * 1_000)
    const second = await refuse('b')
    await other.discard(second.opId)
    expect(await caller.settled(first.pk)).toMatchObject(REFUSED)
  })

  it('is not kept for ever for one in another container', async () => {
    caller = await openAs('1-unseen')
    const first = await refuse('a')
    await other.discard(first.opId)
    clock.setTo(clock.now() + 25 * 60 * 60 * 1_000)
    const second = await refuse('b')
    await other.discard(second.opId)
    expect(rows()).toEqual([{ state: 'untold', bytes: 0 }])
  })

  it('is not kept for a caller who was told that it is pending', async () => {
    const lease = await leaseOf(other)
    const { pk, opId } = await caller.append(LANE, { mutations: [put('a', 'x')] }, 'trying')
    await caller.markPending([pk])
    await decideRefused(lease)
    await other.discard(opId)
    expect(rows()).toEqual([])
  })
})
