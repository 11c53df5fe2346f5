import { collectBytes, rollHash, UmbraError } from '@umbra/core'
import type { Mutation } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES } from '../body-chunks.ts'
import { newDatabasePath } from '../temporary-folder.fixture.ts'
import {
  createSetClock,
  etagOf,
  fresh,
  holderNamed,
  LANE,
  leaseOf,
  openTestOutbox,
  put,
  remove,
} from './outbox.fixture.ts'
import type { Appended, LaneLease, Outbox } from './outbox-port.ts'

const conflict = new UmbraError('PRECONDITION_FAILED', 'somebody else wrote first', {
  details: { id: 'a', currentEtag: '2-x' },
})

const append = (outbox: Outbox, ...mutations: Mutation[]) => outbox.append(LANE, { mutations }, 'pending')
const idsWaiting = (outbox: Outbox, lease: LaneLease) =>
  outbox.waiting(lease, 100).map(({ n, entries }) => `${n}:${entries.map(({ id }) => id).join('+')}`)

describe('the queue', () => {
  it('numbers densely per lane and keeps the order', async () => {
    const outbox = await openTestOutbox()
    for (const id of ['a', 'b', 'c']) await append(outbox, fresh(id, id))
    const other = { path: 'm/v', namespace: { module: 'm', userId: 'v' } }
    await outbox.append(other, { mutations: [fresh('x', 'x')] }, 'pending')
    expect(idsWaiting(outbox, await leaseOf(outbox))).toEqual(['1:a', '2:b', '3:c'])
    expect(idsWaiting(outbox, await leaseOf(outbox, other))).toEqual(['1:x'])
    expect(outbox.backlog().map(({ lane, count }) => [lane.path, count])).toEqual([
      ['m/u', 3],
      ['m/v', 1],
    ])
  })

  it('keeps what each mutation expects', async () => {
    const outbox = await openTestOutbox()
    const expectations = [
      { kind: 'absent' },
      { kind: 'etag', etag: '3-x' },
      { kind: 'older', rev: 12 },
      { kind: 'older', rev: 12, isLive: false },
    ] as const
    const mutations = expectations.map((expected, index) => ({ ...put(`r${index}`, 'x'), expect: expected }))
    await append(outbox, ...mutations)
    const [waiting] = outbox.waiting(await leaseOf(outbox), 100)
    expect(waiting?.mutations.map(({ expect: kept }) => kept)).toEqual(expectations)
  })

  it('tells one of several callers, in whatever processes, that its change of a version is pending', async () => {
    const path = await newDatabasePath()
    const [one, two] = [await openTestOutbox({ path }), await openTestOutbox({ path })]
    const outcomesOf = async (write: Parameters<Outbox['append']>[1], lane = LANE) => {
      const appending = [one, two, one, two, one].map((outbox) => outbox.append(lane, write, 'pending'))
      const settled = await Promise.allSettled(appending)
      return settled
        .map((outcome) => (outcome.status === 'fulfilled' ? 'pending' : outcome.reason.code))
        .toSorted((a, b) => (a < b ? -1 : 1))
    }
    const refused = (code: string) => [...Array.from({ length: 4 }, () => code), 'pending']
    expect(await outcomesOf({ mutations: [put('a', '1')] })).toEqual(refused('ALREADY_EXISTS'))
    const version = two.pendingEntry(LANE.path, 'a')
    const change = put('a', '2', etagOf(version === undefined ? [] : [version]))
    expect(await outcomesOf({ mutations: [change] })).toEqual(refused('PRECONDITION_FAILED'))
    const blob = { bytes: new Uint8Array([1]), expect: { kind: 'absent' }, base: null } as const
    const lane = { path: 'json_blobs/a.json', namespace: undefined }
    expect(await outcomesOf({ blob }, lane)).toEqual(refused('PRECONDITION_FAILED'))
  })

  it('keeps mutations and bodies of every size exactly', async () => {
    const path = await newDatabasePath()
    const first = await openTestOutbox({ path })
    const large = 'x'.repeat(2 * CHUNK_BYTES + 17)
    await append(first, fresh('small', 'tiny'), put('large', large), remove('old', `3-${'0'.repeat(32)}`))
    await first.close()
    const outbox = await openTestOutbox({ path })
    const [operation] = outbox.waiting(await leaseOf(outbox), 10)
    const [small, second, third] = operation?.mutations ?? []
    expect(small).toMatchObject({
      kind: 'put',
      freshId: true,
      expect: { kind: 'absent' },
      draft: { id: 'small' },
    })
    expect(third).toEqual(remove('old', `3-${'0'.repeat(32)}`))
    if (second?.kind !== 'put') throw new Error('the second is a put')
    expect(Buffer.from(await collectBytes(second.body.stream())).toString()).toBe(large)
    const range = second.body.stream({ start: CHUNK_BYTES - 2, end: CHUNK_BYTES + 2 })
    expect(Buffer.from(await collectBytes(range)).toString()).toBe('xxxxx')
  })

  it('gives out no more bytes at a time than a commit should send, and at least one operation', async () => {
    const outbox = await openTestOutbox()
    // Its text counts as well.
    for (const id of ['a', 'b', 'c']) await append(outbox, fresh(id, 'x'.repeat(13 * 1024 ** 2)))
    await append(outbox, fresh('d', 'x'.repeat(33 * 1024 ** 2)))
    const lease = await leaseOf(outbox)
    expect(idsWaiting(outbox, lease)).toEqual(['1:a', '2:b'])
    const decided = outbox
      .waiting(lease, 10)
      .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
    await outbox.decide(lease, decided, undefined)
    const [third] = outbox.waiting(lease, 1)
    if (third === undefined) throw new Error('the third waits')
    const last = { operation: third, decision: { kind: 'committed', entries: undefined } as const }
    await outbox.decide(lease, [last], undefined)
    expect(idsWaiting(outbox, lease)).toEqual(['4:d'])
  })

  it('predicts revisions through a chain of changes', async () => {
    const outbox = await openTestOutbox()
    const created = await append(outbox, fresh('a', 'one'))
    const updated = await append(outbox, put('a', 'two', etagOf(created.entries)))
    const deleted = await append(outbox, remove('a', etagOf(updated.entries)))
    const again = await append(outbox, put('a', 'three'))
    const revisions = [created, updated, deleted, again].map(({ entries }) => entries[0]?.rev)
    expect(revisions).toEqual([1, 2, 3, 4])
    expect(outbox.pendingEntry(LANE.path, 'a')).toMatchObject({ rev: 4, op: 'put' })
  })
})

describe('decisions', () => {
  it('move the mark with the outcomes and count like the store', async () => {
    const outbox = await openTestOutbox()
    const ops = [await append(outbox, fresh('a', '1')), await append(outbox, fresh('b', '2'))]
    const lease = await leaseOf(outbox)
    const decided = outbox
      .waiting(lease, 10)
      .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
    const h = ops.reduce((hash, { opId }) => rollHash(hash, opId), '')
    expect(await outbox.decide(lease, decided, { n: 2, h })).toEqual({ lease: undefined, recorded: true })
    expect(outbox.backlog()).toEqual([])
    expect(await leaseOf(outbox)).toMatchObject({ mark: { n: 2, h } })
    expect(outbox.usage().bytes).toBe(0)
  })

  it('list a refusal nobody waits for, which can be queued again or discarded', async () => {
    const outbox = await openTestOutbox()
    const { opId } = await append(outbox, put('a', 'mine', `1-${'0'.repeat(32)}`))
    await append(outbox, fresh('b', 'other'))
    const lease = await leaseOf(outbox)
    const [operation] = outbox.waiting(lease, 1)
    if (operation === undefined) throw new Error('an operation waits')
    await outbox.decide(lease, [{ operation, decision: { kind: 'conflict', error: conflict } }], undefined)
    expect(outbox.listed()).toMatchObject([
      { id: opId, kind: 'conflict', error: { code: 'PRECONDITION_FAILED', details: { currentEtag: '2-x' } } },
    ])
    await outbox.retry(opId, [`2-${'1'.repeat(32)}`])
    expect(outbox.listed()).toEqual([])
    const waiting = outbox.waiting(await leaseOf(outbox), 10)
    expect(waiting.map(({ n }) => n)).toEqual([2, 3])
    expect(waiting[1]?.entries[0]).toMatchObject({ id: 'a', rev: 3 })
    await expect(outbox.discard(opId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('queue a refusal again over what is pending once it is known which revision that is', async () => {
    const outbox = await openTestOutbox()
    const { opId } = await append(outbox, put('a', 'mine', `1-${'0'.repeat(32)}`))
    const [refused] = outbox.waiting(await leaseOf(outbox), 1)
    if (refused === undefined) throw new Error('an operation waits')
    const decision = { kind: 'conflict', error: conflict } as const
    await outbox.decide(await leaseOf(outbox), [{ operation: refused, decision }], undefined)
    const created = await append(outbox, put('a', 'again'))
    await outbox.retry(opId, [etagOf(created.entries)])
    expect(outbox.pendingEntry(LANE.path, 'a')).toMatchObject({ sha256: refused.entries[0]?.sha256, rev: 2 })
    const lease = await leaseOf(outbox)
    const [operation, ...more] = outbox.waiting(lease, 10)
    if (operation === undefined) throw new Error('an operation waits')
    expect(more).toEqual([])
    const entries = created.entries.map((entry) => ({ ...entry, rev: 8 }))
    const committed = { operation, decision: { kind: 'committed', entries } as const }
    await outbox.decide(lease, [committed], { n: 2, h: 'h' })
    expect(outbox.waiting(lease, 1)[0]).toMatchObject({
      mutations: [{ expect: { etag: etagOf(entries) } }],
      entries: [{ rev: 9 }],
    })
  })

  it('keep a refusal until its caller has heard of it, whenever it comes to wait', async () => {
    const outbox = await openTestOutbox()
    const { pk } = await outbox.append(LANE, { mutations: [put('a', 'x')] }, 'trying')
    const lease = await leaseOf(outbox)
    const decided = outbox
      .waiting(lease, 1)
      .map((operation) => ({ operation, decision: { kind: 'conflict', error: conflict } as const }))
    await outbox.decide(lease, decided, undefined)
    expect(await outbox.settled(pk)).toMatchObject({ kind: 'refused', error: { code: conflict.code } })
    expect(outbox.listed()).toEqual([])
    expect(outbox.usage().bytes).toBe(0)
  })

  it('bring what was queued over a predicted revision to the real one, one step at a time', async () => {
    const outbox = await openTestOutbox()
    const created = await append(outbox, put('a', 'one'))
    const updated = await append(outbox, put('a', 'two', etagOf(created.entries)))
    await append(outbox, put('a', 'three', etagOf(updated.entries)))
    const lease = await leaseOf(outbox)
    const [operation, ...more] = outbox.waiting(lease, 10)
    expect(more).toEqual([])
    if (operation === undefined) throw new Error('an operation waits')
    const entries = created.entries.map((entry) => ({ ...entry, rev: 8 }))
    const { lease: next } = await outbox.decide(
      lease,
      [{ operation, decision: { kind: 'committed', entries } }],
      { n: 1, h: 'h' },
    )
    if (next === undefined) throw new Error('the lane is not empty')
    expect(outbox.waiting(next, 1)[0]).toMatchObject({
      mutations: [{ expect: { etag: etagOf(entries) } }],
      entries: [{ rev: 9 }],
    })
    expect(outbox.pendingEntry(LANE.path, 'a')?.rev).toBe(10)
  })
})

describe('the bound', () => {
  it('refuses what does not fit and keeps what is there', async () => {
    const outbox = await openTestOutbox({ maxBytes: 4_000 })
    await append(outbox, fresh('a', 'x'.repeat(1_000)))
    const refused = append(outbox, fresh('b', 'x'.repeat(1_000)))
    await expect(refused).rejects.toMatchObject({ code: 'OUTBOX_FULL', details: { maxBytes: 4_000 } })
    expect(idsWaiting(outbox, await leaseOf(outbox))).toEqual(['1:a'])
  })

  it('refuses what is larger than the limit itself as TOO_LARGE, and writes nothing of it aside', async () => {
    const statements: string[] = []
    const trace = (statement: string) => void statements.push(statement)
    const outbox = await openTestOutbox({ maxBytes: 3 * CHUNK_BYTES }, { trace })
    statements.length = 0
    const large = outbox.append(LANE, { mutations: [fresh('a', 'x'.repeat(4 * CHUNK_BYTES))] }, 'pending')
    await expect(large).rejects.toMatchObject({
      code: 'TOO_LARGE',
      retryable: false,
      details: { limit: 3 * CHUNK_BYTES },
    })
    expect(statements.filter((one) => one.startsWith('insert'))).toEqual([])
    await append(outbox, fresh('b', 'x'.repeat(CHUNK_BYTES)))
  })

  it('holds for what is written aside too, however many large writes come together', async () => {
    const chunks: string[] = []
    const trace = (statement: string) => {
      if (statement.startsWith('insert into "body_chunks"')) chunks.push(statement.slice(0, 100))
    }
    const outbox = await openTestOutbox({ maxBytes: 14 * CHUNK_BYTES }, { trace })
    // Taken twice: as the content, and in the description.
    const text = 'x'.repeat(3 * CHUNK_BYTES)
    const writes = [1, 2, 3, 4, 5].map((id) => append(outbox, fresh(`r${id}`, text)))
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(chunks).toHaveLength(2 * 3)
    // What was refused takes no room.
    await append(outbox, fresh('small', 'x'.repeat(1_000)))
  })

  it('keeps committed bodies within their own limit and no longer than told', async () => {
    const clock = createSetClock()
    const outbox = await openTestOutbox({ keepBytes: 10_000, keepMs: 1_000 }, { clock })
    const appended: Appended[] = []
    for (let index = 0; index < 8; index++) {
      appended.push(await append(outbox, fresh(`r${index}`, 'x'.repeat(1_000))))
      const lease = await leaseOf(outbox)
      const decided = outbox
        .waiting(lease, 1)
        .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
      await outbox.decide(lease, decided, undefined)
    }
    const isKept = () =>
      appended.map(({ entries: [entry] }) => entry && outbox.openBody(LANE.path, entry) !== undefined)
    expect(isKept()).toEqual([false, false, false, false, false, true, true, true])
    clock.setTo(clock.now() + 2_000)
    const lease = await leaseOf(outbox)
    await outbox.decide(lease, [], undefined)
    expect(isKept()).toEqual(appended.map(() => false))
  })
})

describe('several holders', () => {
  it('send one at a time; a dead or silent one is replaced, and what it says later does not count', async () => {
    const path = await newDatabasePath()
    const clock = createSetClock()
    const alive = ['1-a', '2-b']
    const a = await openTestOutbox({ path, leaseMs: 1_000 }, { clock, holder: holderNamed('1-a', alive) })
    const b = await openTestOutbox({ path, leaseMs: 1_000 }, { clock, holder: holderNamed('2-b', alive) })
    await append(a, fresh('r', 'x'))
    const leased = await leaseOf(a)
    expect(await b.lease(LANE)).toBeUndefined()
    clock.setTo(clock.now() + 1_001)
    const taken = await leaseOf(b)
    expect(taken.fence).toBe(leased.fence + 1)
    const decided = a
      .waiting(leased, 1)
      .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
    expect(await a.decide(leased, decided, { n: 1, h: 'x' })).toEqual({ lease: undefined, recorded: false })
    expect(await a.renameWriter(leased)).toBeUndefined()
    expect(idsWaiting(b, taken)).toEqual(['1:r'])
    alive.pop()
    expect(await a.lease(LANE)).toBeDefined()
  })

  it('do not wait for a lease that a clock set back would have made endless', async () => {
    const path = await newDatabasePath()
    const clock = createSetClock()
    const alive = ['1-a', '2-b']
    const a = await openTestOutbox({ path }, { clock, holder: holderNamed('1-a', alive) })
    const b = await openTestOutbox({ path }, { clock, holder: holderNamed('2-b', alive) })
    await append(a, fresh('r', 'x'))
    clock.setTo(clock.now() - 3_600_000)
    expect(await b.lease(LANE)).toBeDefined()
  })

  it('learn what became of operations that another one sent', async () => {
    const path = await newDatabasePath()
    const alive = ['1-a', '2-b']
    const a = await openTestOutbox({ path }, { holder: holderNamed('1-a', alive) })
    const b = await openTestOutbox({ path }, { holder: holderNamed('2-b', alive) })
    await append(a, fresh('own', 'x'))
    const lease = await leaseOf(a)
    const good = await b.append(LANE, { mutations: [fresh('good', 'x')] }, 'trying')
    const bad = await b.append(LANE, { mutations: [put('bad', 'x')] }, 'trying')
    expect(await b.settled(good.pk)).toEqual({ kind: 'waiting' })
    const committed = { kind: 'committed', entries: undefined } as const
    const decisions = [committed, committed, { kind: 'conflict', error: conflict } as const]
    const decided = a.waiting(lease, 10).flatMap((operation, index) => {
      const decision = decisions[index]
      return decision === undefined ? [] : [{ operation, decision }]
    })
    await a.decide(lease, decided, undefined)
    expect(await b.settled(good.pk)).toEqual({ kind: 'committed' })
    expect(await b.settled(bad.pk)).toMatchObject({ kind: 'refused', error: { code: 'PRECONDITION_FAILED' } })
    expect(b.listed()).toEqual([])
  })
})

it('is queued again from where a restored store remembers it', async () => {
  const outbox = await openTestOutbox()
  const ops: Appended[] = []
  for (const id of ['a', 'b', 'c']) ops.push(await append(outbox, fresh(id, id)))
  const lease = await leaseOf(outbox)
  const decided = outbox
    .waiting(lease, 10)
    .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
  const hashes = ops.map((_, index) =>
    ops.slice(0, index + 1).reduce((hash, { opId }) => rollHash(hash, opId), ''),
  )
  await outbox.decide(lease, decided, { n: 3, h: hashes[2] ?? '' })
  const again = await outbox.resendAfter(await leaseOf(outbox), { n: 1, h: hashes[0] ?? '' })
  if (again === undefined) throw new Error('the mark is known')
  expect(again.mark).toEqual({ n: 1, h: hashes[0] })
  expect(idsWaiting(outbox, again)).toEqual(['2:b', '3:c'])
})

it('is queued again under a new name from where a restored store remembers what is not kept any more', async () => {
  const outbox = await openTestOutbox()
  const ops: Appended[] = []
  for (const id of ['a', 'b', 'c']) ops.push(await append(outbox, fresh(id, id)))
  const lease = await leaseOf(outbox)
  const decided = outbox
    .waiting(lease, 2)
    .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
  await outbox.decide(lease, decided, { n: 2, h: 'of-two' })
  const again = await outbox.resendAfter(await leaseOf(outbox), { n: 1, h: 'not-known' })
  if (again === undefined) throw new Error('the lease is ours')
  expect(again.writer).not.toBe(lease.writer)
  expect(again.mark).toBeUndefined()
  expect(outbox.waiting(again, 10).map(({ n, opId, resent }) => [n, opId, resent])).toEqual([
    [2, ops[1]?.opId, true],
    [3, ops[2]?.opId, true],
  ])
})

it('forgets the committed versions of a record, and sends everything else again as it was counted', async () => {
  const outbox = await openTestOutbox()
  const first = await append(outbox, fresh('a', 'one'), fresh('b', 'kept'))
  const second = await append(outbox, put('a', 'two', etagOf(first.entries)))
  const third = await append(outbox, remove('a', etagOf(second.entries)))
  const decided = outbox
    .waiting(await leaseOf(outbox), 10)
    .map((operation) => ({ operation, decision: { kind: 'committed', entries: undefined } as const }))
  const h = [first, second, third].reduce((hash, { opId }) => rollHash(hash, opId), '')
  await outbox.decide(await leaseOf(outbox), decided, { n: 3, h })
  const pending = await append(outbox, put('a', 'three'))
  const bodyOf = ({ entries }: Appended, index = 0) => {
    const entry = entries[index]
    return entry && outbox.openBody(LANE.path, entry)
  }

  await outbox.forget(LANE.path, 'a')
  await outbox.forget('m/never', 'a')
  expect([bodyOf(first), bodyOf(second)]).toEqual([undefined, undefined])
  expect(bodyOf(first, 1)).toBeDefined()
  expect(bodyOf(pending)).toBeDefined()
  const again = await outbox.resendAfter(await leaseOf(outbox), { n: 0, h: '' })
  if (again === undefined) throw new Error('the beginning is known')
  expect(idsWaiting(outbox, again)).toEqual(['1:b', '2:', '3:a', '4:a'])
  expect(outbox.waiting(again, 10).map(({ opId }) => opId)).toEqual(
    [first, second, third, pending].map(({ opId }) => opId),
  )
})
