import { EventEmitter, once } from 'node:events'
import { headKey, parseHead, recordEtag } from '@umbra/core'
import type { NumberedOperation, NumberedOutcome, ObjectStore, WriterMark } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createSimulatedContext, putMutation } from './simulated-context.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'
import type { Fault, SimulatedStore } from './simulated-store.fixture.ts'

const namespace = { module: 'm', userId: 'u' }
const create = (n: number, id: string): NumberedOperation => ({
  n,
  opId: `op-${n}-${id}`,
  queuedAt: 0,
  mutations: [putMutation(id, `by op ${n}`)],
})

const texts = (store: SimulatedStore) => {
  const bytes = store.history(headKey(namespace)).at(-1)
  return bytes === undefined ? [] : parseHead(bytes, namespace).tail.map(({ entry }) => entry.text)
}

const manifest = (store: SimulatedStore, name: string, commitTimeoutMs = 5_000) =>
  new NamespaceManifest(namespace, createSimulatedContext(store, name, { commitTimeoutMs }))

describe('operations that their writer numbers', () => {
  it('are committed each for itself, and what was decided is known to a process that knows nothing', async () => {
    const store = createSimulatedStore(() => 'none')
    const operations = [create(1, 'a'), create(2, 'a'), create(3, 'b')]
    const first = await manifest(store, 'p').commitNumbered({ writer: 'w', mark: undefined, operations })
    expect(first.outcomes).toMatchObject([
      { kind: 'committed', entries: [{ id: 'a', rev: 1 }] },
      { kind: 'rejected', error: { code: 'ALREADY_EXISTS' } },
      { kind: 'committed' },
    ])
    const again = await manifest(store, 'q').commitNumbered({ writer: 'w', mark: undefined, operations })
    expect(again.outcomes.map(({ kind }) => kind)).toEqual(['committed', 'rejected', 'committed'])
    expect(again.mark).toEqual(first.mark)
    expect(texts(store)).toEqual(['by op 1', 'by op 3'])
  })

  it('are told what an earlier call decided before more of them are sent, for the next commit forgets it', async () => {
    const store = createSimulatedStore(() => 'none')
    const operations = [create(1, 'a'), create(2, 'a')]
    await manifest(store, 'p').commitNumbered({ writer: 'w', mark: undefined, operations })
    const more = [...operations, create(3, 'a'), create(4, 'b')]
    // Another process with the same file took over before the first had written anything down.
    const told = await manifest(store, 'q').commitNumbered({ writer: 'w', mark: undefined, operations: more })
    expect(told.outcomes.map(({ kind }) => kind)).toEqual(['committed', 'rejected'])
    expect(texts(store)).toEqual(['by op 1'])
    const rest = { writer: 'w', mark: told.mark, operations: more.slice(2) }
    const then = await manifest(store, 'q').commitNumbered(rest)
    expect(then.outcomes.map(({ kind }) => kind)).toEqual(['rejected', 'committed'])
  })

  it('are applied exactly once and in order, whatever requests are lost, late or doubled and however often the process starts again', async () => {
    const faults = fc.constantFrom<Fault>(
      'none',
      'none',
      'lost-request',
      'lost-answer',
      'late',
      'duplicated',
      'rate-limited',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(faults, { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }),
        async (plan, sizes) => {
          const store = createSimulatedStore((operation) =>
            operation === 'put' ? (plan.shift() ?? 'none') : 'none',
          )
          let mark: WriterMark | undefined
          let waiting: NumberedOperation[] = []
          const outcomes = new Map<number, NumberedOutcome>()
          let n = 0
          for (let round = 0; round < 100 && (round < sizes.length || waiting.length > 0); round++) {
            for (let count = sizes[round] ?? 0; count > 0; count--) waiting.push(create(++n, `r${n}`))
            // A fresh process each round: all it knows is what an outbox keeps.
            const process = manifest(store, `p${round}-`, 50)
            const result = await process
              .commitNumbered({ writer: 'w', mark, operations: waiting, attempted: round > 0 })
              .catch(() => undefined)
            if (result === undefined) continue
            for (const [index, outcome] of result.outcomes.entries())
              outcomes.set(waiting[index]?.n ?? 0, outcome)
            waiting = waiting.slice(result.outcomes.length)
            mark = result.mark
          }
          store.settleLate()
          expect(waiting).toEqual([])
          expect([...outcomes.values()].every(({ kind }) => kind === 'committed')).toBe(true)
          expect(texts(store)).toEqual(Array.from({ length: n }, (_, index) => `by op ${index + 1}`))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of two processes under one name are told apart, and neither set is dropped silently', async () => {
    const store = createSimulatedStore(() => 'none')
    const shared = await manifest(store, 'p').commitNumbered({
      writer: 'w',
      mark: undefined,
      operations: [create(1, 'a')],
    })
    await manifest(store, 'p2').commitNumbered({
      writer: 'w',
      mark: shared.mark,
      operations: [create(2, 'b')],
    })
    const clone = manifest(store, 'q').commitNumbered({
      writer: 'w',
      mark: shared.mark,
      operations: [create(2, 'c')],
    })
    await expect(clone).rejects.toMatchObject({ code: 'CONFLICT', details: { reason: 'writer-cloned' } })
  })

  it('are known to a process that last looked before another one counted under the same name', async () => {
    const store = createSimulatedStore(() => 'none')
    const one = manifest(store, 'p')
    const other = manifest(store, 'q')
    const first = await one.commitNumbered({ writer: 'w', mark: undefined, operations: [create(1, 'a')] })
    const second = await other.commitNumbered({
      writer: 'w',
      mark: first.mark,
      operations: [create(2, 'b')],
    })
    const third = await one.commitNumbered({ writer: 'w', mark: second.mark, operations: [create(3, 'c')] })
    expect(third.outcomes.map(({ kind }) => kind)).toEqual(['committed'])
    expect(texts(store)).toEqual(['by op 1', 'by op 2', 'by op 3'])
  })

  it('keep their bodies when a collector that stalled goes on after they were sent again', async () => {
    const limits = { ...MANIFEST_LIMITS, graceMs: 1_000, clockSkewMs: 0 }
    let isCutOff = false
    const store = createSimulatedStore((operation, key) =>
      isCutOff && operation === 'put' && key === headKey(namespace) ? 'lost-request' : 'none',
    )
    const send = (name: string, attempted: boolean) =>
      new NamespaceManifest(namespace, createSimulatedContext(store, name, { limits })).commitNumbered({
        writer: 'w',
        mark: undefined,
        attempted,
        operations: [create(1, 'a')],
      })
    const stall = new EventEmitter()
    const stalling = once(stall, 'begun')
    const deleteMany = async (keys: readonly string[]) => {
      stall.emit('begun')
      await once(stall, 'over')
      return store.deleteMany(keys)
    }
    const collect = (name: string, objects: ObjectStore) => {
      const context = createSimulatedContext(objects, name, { limits })
      return createMaintenance(() => new NamespaceManifest(namespace, context), context).collect(namespace)
    }
    await manifest(store, 'other').commit([putMutation('seed', 'seed')])
    isCutOff = true
    await expect(send('p', false)).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    isCutOff = false
    const stalled = collect('stalled', { ...store, deleteMany })
    await stalling
    await collect('collector', store)
    expect(await send('q', true)).toMatchObject({ outcomes: [{ kind: 'committed' }] })
    stall.emit('over')
    await stalled
    const { tail } = parseHead(store.history(headKey(namespace)).at(-1) ?? new Uint8Array(), namespace)
    const bodies = tail.map(({ entry }) => store.head(entry.key))
    expect(await Promise.all(bodies)).not.toContain(undefined)
  })

  it('are not applied by a call that was overtaken, once they were found to be refused', async () => {
    const store = createSimulatedStore(() => 'none')
    const other = manifest(store, 'other')
    await other.commit([putMutation('seed', 'seed')])
    const told = new EventEmitter()
    let isOvertaken = false
    const objects: ObjectStore = {
      ...store,
      async put(...about) {
        if (about[0] === headKey(namespace) && !isOvertaken) {
          const thawed = once(told, 'thawed')
          told.emit('frozen')
          await thawed
        }
        return store.put(...about)
      },
    }
    const request = { writer: 'w', mark: undefined, operations: [create(1, 'a')] }
    const freezes = once(told, 'frozen')
    const frozen = new NamespaceManifest(namespace, createSimulatedContext(objects, 'p')).commitNumbered({
      ...request,
      mayCommit: () => !isOvertaken,
    })
    const outcome = frozen.catch((error: unknown) => error)
    await freezes
    const [obstacle] = await other.commit([putMutation('a', 'theirs')])
    isOvertaken = true
    const refused = await manifest(store, 'q').commitNumbered({ ...request, attempted: true })
    expect(refused.outcomes).toMatchObject([{ kind: 'rejected' }])
    if (obstacle === undefined) throw new Error('it was stored')
    const over = { kind: 'etag', etag: recordEtag(obstacle) } as const
    await other.commit([{ kind: 'delete', id: 'a', expect: over, at: '2026-01-01T00:00:00.000Z' }])
    told.emit('thawed')
    const error = { code: 'CONFLICT', details: { reason: 'writer-superseded' } }
    expect(await outcome).toMatchObject(error)
    expect(texts(store)).not.toContain('by op 1')
  })

  it('are not stored again without end by a machine whose clock is far behind', async () => {
    const store = createSimulatedStore(() => 'none')
    const other = manifest(store, 'p')
    await other.commit([putMutation('seed', 'seed')])
    await other.publish({ floor: '2026-01-02T00:00:00.000Z' })
    const operations = [create(1, 'a')]
    const sending = manifest(store, 'q').commitNumbered({ writer: 'w', mark: undefined, operations })
    await expect(sending).rejects.toMatchObject({ code: 'CONFLICT', retryable: true })
    // What nobody numbers is told the same.
    const plain = manifest(store, 'r').commit([putMutation('a', 'plain')])
    await expect(plain).rejects.toMatchObject({ code: 'CONFLICT', retryable: true })
    expect(texts(store)).toEqual(['seed'])
  })

  it('are not sent again when the store has forgotten their writer', async () => {
    const store = createSimulatedStore(() => 'none')
    const { mark } = await manifest(store, 'p').commitNumbered({
      writer: 'w',
      mark: undefined,
      operations: [create(1, 'a')],
    })
    const others = manifest(store, 'q')
    for (let n = 0; n < 65; n++) {
      await others.commitNumbered({ writer: `w${n}`, mark: undefined, operations: [create(1, `r${n}`)] })
    }
    const late = manifest(store, 'p3').commitNumbered({ writer: 'w', mark, operations: [create(2, 'b')] })
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT', details: { reason: 'writer-forgotten' } })
  })
})
