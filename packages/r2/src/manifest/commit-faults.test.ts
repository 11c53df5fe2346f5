import { hasErrorCode, headKey, parseHead, recordEtag } from '@umbra/core'
import type { Clock, ManifestHead } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createSimulatedContext, putMutation } from './simulated-context.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'
import type { Fault, SimulatedStore } from './simulated-store.fixture.ts'

const namespace = { module: 'm', userId: 'u' }
const HEAD = headKey(namespace)

type Outcome = 'committed' | 'rejected' | 'unknown'

async function outcomeOf(commit: Promise<unknown>): Promise<Outcome> {
  try {
    await commit
    return 'committed'
  } catch (error) {
    if (hasErrorCode(error, 'OUTCOME_PENDING')) return 'unknown'
    return 'rejected'
  }
}

const heads = (store: SimulatedStore): ManifestHead[] =>
  store.history(HEAD).map((bytes) => parseHead(bytes, namespace))

/** The current entry of every id, as long as nothing was moved out of the tail. */
const linesOf = (head: ManifestHead | undefined) => new Map(head?.tail.map((line) => [line.entry.id, line]))

/** What must hold of every history, whatever happened. */
function assertChain(store: SimulatedStore): void {
  const chain = heads(store)
  for (const [index, head] of chain.entries()) {
    const before = chain[index - 1]
    expect(head.header.seq).toBe(index + 1)
    expect(head.header.epoch).toBe(chain[0]?.header.epoch)
    if (before === undefined) continue
    expect(head.header.prev?.seq).toBe(before.header.seq)
    for (const [writer, mark] of Object.entries(before.header.w)) {
      expect(head.header.w[writer]?.n).toBeGreaterThanOrEqual(mark.n)
    }
    for (const [id, { entry }] of linesOf(before))
      expect(linesOf(head).get(id)?.entry.rev).toBeGreaterThanOrEqual(entry.rev)
  }
}

const FAULTS: readonly Fault[] = [
  'none',
  'none',
  'none',
  'lost-request',
  'lost-answer',
  'late',
  'duplicated',
  'rate-limited',
  'conflict',
]

describe('commits over a bad network', () => {
  it('keep what was acknowledged once, never apply what was rejected, and form one chain', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.constantFrom(...FAULTS)),
        fc.array(fc.record({ writer: fc.nat(2), id: fc.nat(3), wait: fc.boolean() }), {
          minLength: 1,
          maxLength: 25,
        }),
        async (faults, steps) => {
          let calm = false
          const store = createSimulatedStore((operation, key) => {
            if (calm || key !== HEAD) return 'none'
            const fault = faults.next().value ?? 'none'
            return operation === 'get' && fault !== 'lost-request' ? 'none' : fault
          })
          const writers = [0, 1, 2].map(
            (n) => new NamespaceManifest(namespace, createSimulatedContext(store, `w${n}-`)),
          )
          const attempts: { id: string; text: string; outcome: Promise<Outcome> }[] = []
          for (const [index, { writer, id, wait }] of steps.entries()) {
            const manifest = writers[writer]
            if (manifest === undefined) continue
            const attempt = { id: `r${id}-${index}`, text: `t${index}` }
            const outcome = outcomeOf(manifest.commit([putMutation(attempt.id, attempt.text)]))
            attempts.push({ ...attempt, outcome })
            if (wait) await outcome
          }
          const outcomes = await Promise.all(attempts.map(({ outcome }) => outcome))
          calm = true
          store.settleLate()
          assertChain(store)
          const last = heads(store).at(-1)
          for (const [index, { id, text }] of attempts.entries()) {
            const entry = linesOf(last).get(id)?.entry
            if (outcomes[index] === 'committed') expect(entry).toMatchObject({ rev: 1, text })
            if (outcomes[index] === 'rejected') expect(entry).toBeUndefined()
          }
          expect(last?.header.live ?? 0).toBe(linesOf(last).size)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('let exactly one of several updates of a version win, and tell the winner so', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.constantFrom(...FAULTS)),
        fc.integer({ min: 2, max: 6 }),
        async (faults, count) => {
          let calm = true
          const store = createSimulatedStore((operation, key) => {
            if (calm || key !== HEAD || operation === 'get') return 'none'
            return faults.next().value ?? 'none'
          })
          const [first] = await new NamespaceManifest(
            namespace,
            createSimulatedContext(store, 'first-'),
          ).commit([putMutation('a', 'zero')])
          const etag = recordEtag(first ?? { rev: 0, sha256: '' })
          calm = false
          const outcomes = await Promise.all(
            Array.from({ length: count }, (_, n) =>
              outcomeOf(
                new NamespaceManifest(namespace, createSimulatedContext(store, `w${n}-`)).commit([
                  putMutation('a', `t${n}`, etag),
                ]),
              ),
            ),
          )
          calm = true
          store.settleLate()
          assertChain(store)
          const winners = outcomes.flatMap((outcome, n) => (outcome === 'committed' ? [`t${n}`] : []))
          const entry = linesOf(heads(store).at(-1)).get('a')?.entry
          expect(winners.length).toBeLessThanOrEqual(1)
          if (winners.length === 1) expect(entry).toMatchObject({ rev: 2, text: winners[0] })
          if (!outcomes.includes('unknown')) expect(winners).toHaveLength(1)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('reports a write whose fate stays unknown as pending, and settles it before the next one', async () => {
    let fault: Fault = 'none'
    const store = createSimulatedStore((operation, key) =>
      key === HEAD && operation === 'put' ? fault : 'none',
    )
    const manifest = new NamespaceManifest(namespace, createSimulatedContext(store, 'w-'))
    await manifest.commit([putMutation('a', 'one')])
    fault = 'lost-answer'
    // The first attempt lands unseen; every repeat is told "lost race" and finds its own watermark.
    await manifest.commit([putMutation('b', 'two')])
    fault = 'lost-request'
    await expect(manifest.commit([putMutation('c', 'three')])).rejects.toMatchObject({
      code: 'OUTCOME_PENDING',
    })
    await expect(manifest.commit([putMutation('d', 'four')])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    fault = 'none'
    await manifest.commit([putMutation('e', 'five')])
    expect([...linesOf(heads(store).at(-1)).keys()]).toEqual(['a', 'b', 'c', 'e'])
    assertChain(store)
  })

  it('does not leave the next write unknown because of one whose fate was, and which was of more operations', async () => {
    let isCutOff = false
    const store = createSimulatedStore((operation, key) => {
      if (!isCutOff || key !== HEAD) return 'none'
      return operation === 'put' ? 'lost-answer' : 'lost-request'
    })
    const manifest = new NamespaceManifest(namespace, createSimulatedContext(store, 'w-'))
    await manifest.commit([putMutation('a', 'one')])
    isCutOff = true
    const outcomes = await Promise.all(
      ['b', 'c'].map((id) => outcomeOf(manifest.commit([putMutation(id, 'two')]))),
    )
    expect(outcomes).toEqual(['unknown', 'unknown'])
    isCutOff = false
    await manifest.commit([putMutation('d', 'three')])
    expect([...linesOf(heads(store).at(-1)).keys()]).toEqual(['a', 'b', 'c', 'd'])
  })

  it('shares one head write among operations that are ready together', async () => {
    const store = createSimulatedStore(() => 'none')
    const manifest = new NamespaceManifest(namespace, createSimulatedContext(store, 'w-'))
    await Promise.all(Array.from({ length: 64 }, (_, n) => manifest.commit([putMutation(`r${n}`, 'x')])))
    expect(heads(store)).toHaveLength(1)
  })

  it('never replaces a head that is gone, or older than one already seen', async () => {
    const store = createSimulatedStore(() => 'none')
    const manifest = new NamespaceManifest(namespace, createSimulatedContext(store, 'w-'))
    await manifest.commit([putMutation('a', 'one')])
    const [old = new Uint8Array()] = store.history(HEAD)
    await manifest.commit([putMutation('b', 'two')])
    await store.put(HEAD, old)
    await expect(manifest.snapshot()).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(manifest.commit([putMutation('c', 'three')])).rejects.toMatchObject({ code: 'CORRUPT' })
    await store.delete(HEAD)
    await expect(manifest.snapshot()).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(manifest.commit([putMutation('d', 'four')])).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(store.history(HEAD)).toEqual([])
  })

  it('names the ids of a write whose fate is unknown, and repeating it with the same id stores it once', async () => {
    let fault: Fault = 'none'
    const store = createSimulatedStore((operation, key) =>
      key === HEAD && operation === 'put' ? fault : 'none',
    )
    const manifest = new NamespaceManifest(namespace, createSimulatedContext(store, 'w-'))
    await manifest.commit([putMutation('a', 'one')])
    fault = 'lost-request'
    const pending = manifest.commit([putMutation('b', 'two')])
    await expect(pending).rejects.toMatchObject({ code: 'OUTCOME_PENDING', details: { ids: ['b'] } })
    fault = 'none'
    // The held version is sent again before anything else, so the repeat finds the record.
    await expect(manifest.commit([putMutation('b', 'two')])).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect([...linesOf(heads(store).at(-1)).keys()]).toEqual(['a', 'b'])
    // And the body it refers to is still there, though the repeat was rejected.
    const key = linesOf(heads(store).at(-1)).get('b')?.entry.key ?? ''
    expect(store.history(key)).not.toEqual([])
  })

  it('is not held up by a clock that is set back', async () => {
    const store = createSimulatedStore(() => 'none')
    const context = createSimulatedContext(store, 'w-')
    let stepMs = 0
    const slept: number[] = []
    const clock: Clock = {
      now: () => context.clock.now() - stepMs,
      sleep: async (delayMs) => void slept.push(delayMs),
    }
    const manifest = new NamespaceManifest(namespace, { ...context, clock, headIntervalMs: 1_000 })
    await manifest.commit([putMutation('a', 'one')])
    stepMs = 600_000
    await manifest.commit([putMutation('b', 'two')])
    // The interval, the gap that a lone writer leaves for another, and the time a version takes to be sent.
    expect(Math.max(...slept)).toBeLessThanOrEqual(1_650)
  })
})
