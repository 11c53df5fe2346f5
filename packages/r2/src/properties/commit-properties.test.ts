import type { ObjectStore } from '@umbra/core'
import { recordOperations } from '@umbra/core/testing'
import type { FaultKind, PlannedFault } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { createSimulatedContext, putMutation } from '../manifest/simulated-context.fixture.ts'
import { decodeLink, decodeVersion, HEAD, NAMESPACE } from '../manifest/simulated-manifest.fixture.ts'
import type { Upkeep } from '../manifest/simulated-manifest.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import {
  create,
  outcomeOf,
  READ_ALL,
  run,
  schedule,
  step,
  survives,
  update,
} from './planned-operations.fixture.ts'
import type { Result } from './planned-operations.fixture.ts'

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed)

/** Befalls the n-th write or read of the head. */
const onHead = (kind: FaultKind, nth = 1, delayMs = 0): PlannedFault => ({ kind, nth, on: HEAD, delayMs })

const versionsOf = ({ store }: Result) =>
  store.history(HEAD).map((stored) => ({ stored, ...decodeVersion(stored.bytes, store) }))

/** In how many versions a content is there that was not there in the version before. */
function appearances(result: Result, content: string): number {
  const has = versionsOf(result).map(({ records }) =>
    [...records.values()].some((record) => record.content === content),
  )
  return has.filter((is, index) => is && has[index - 1] !== true).length
}

describe('the commit protocol', () => {
  it('1. applies an operation at most once, also when its answer is lost and another commits on top before it looks', async () => {
    for (const seed of SEEDS) {
      const lost = { faults: [onHead('error-after-effect', 1), onHead('late-answer', 2, 4_000)] }
      const result = await run(
        schedule(seed, [
          [step(create('d')), step(create('a'), lost), step(update('a'), { ...lost, pauseMs: 500 })],
          [step(create('b'), { pauseMs: seed * 50 }), step(create('c')), step(update('b'))],
        ]),
      )
      for (const label of ['p1.2', 'p1.3']) expect(appearances(result, label)).toBe(1)
    }
    await survives({
      plans: { faults: ['lost-answer', 'error-after-effect', 'late-answer'], targets: [HEAD] },
    })
  })

  it('2. keeps what was acknowledged in every later head, whatever arrives late', async () => {
    await survives(
      {
        plans: {
          operations: recordOperations<Upkeep>({ kinds: ['create', 'batch'], maintenance: ['compact'] }),
          faults: ['late-request', 'duplicated-request'],
          targets: [HEAD],
        },
      },
      (result) =>
        result.operations
          .filter(({ outcome }) => outcome === 'committed')
          .flatMap(({ writes, endStep, label }) =>
            versionsOf(result)
              .filter(({ stored }) => stored.step > endStep)
              .flatMap(({ records, seq }) =>
                writes.every(({ id }) => records.get(id)?.content === label)
                  ? []
                  : [`${label} is missing in ${seq}`],
              ),
          ),
    )
  })

  it('3. never applies later what it has rejected', async () => {
    await survives(
      {
        plans: { faults: ['late-request', 'lost-request', 'network-down', 'rate-limited'], targets: [HEAD] },
      },
      (result) =>
        result.operations
          .filter(({ outcome }) => outcome === 'rejected')
          .flatMap(({ label }) =>
            appearances(result, label) === 0 ? [] : [`${label} was rejected and is there`],
          ),
    )
  })

  it('4. loses no update: of 2, 8 and 32 that replace one version exactly one succeeds', async () => {
    for (const count of [2, 8, 32]) {
      const writers = Array.from({ length: count }, () => [
        step(READ_ALL, { pauseMs: 5_000 }),
        step(update('a', 'read'), { pauseMs: 5_000 }),
      ])
      const result = await run(schedule(count, [[step(create('a'))], ...writers]))
      const outcomes = writers.map((_, index) => outcomeOf(result, `p${index + 2}.2`))
      expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === 'PRECONDITION_FAILED')).toHaveLength(count - 1)
    }
  })

  it('5. is not led back to an earlier version by the same contents (ABA)', async () => {
    for (const seed of SEEDS) {
      const again = { faults: [onHead('duplicated-request', 2, 10_000)] }
      const result = await run(
        schedule(seed, [
          [
            step(create('b')),
            step(create('a'), again),
            step({ kind: 'delete', id: 'a' }),
            step(READ_ALL, { pauseMs: 30_000 }),
          ],
        ]),
      )
      expect([...(versionsOf(result).at(-1)?.records.keys() ?? [])]).toEqual(['b'])
    }
    await survives(
      {
        plans: {
          operations: recordOperations({ ids: ['a', 'b'], kinds: ['create', 'delete'] }),
          faults: ['late-request', 'duplicated-request'],
          targets: [HEAD],
        },
      },
      ({ store }) => {
        const etags = store.history(HEAD).map(({ etag }) => etag)
        return new Set(etags).size === etags.length ? [] : ['two versions have one ETag']
      },
    )
  })

  it('6. makes one chain of heads: each names the ETag of the one before it and counts one more', async () => {
    await survives({ watch: () => undefined }, ({ store }) =>
      store.history(HEAD).flatMap((version, index, all) => {
        const link = decodeLink(version.bytes)
        const isNext = link.seq === index + 1 && link.prevEtag === all[index - 1]?.etag
        return isNext ? [] : [`version ${link.seq} is not the next one`]
      }),
    )
  })

  it('7. takes no harm from any request that arrives twice', async () => {
    await survives({
      plans: { faults: ['duplicated-request'], maxFaults: 6, targets: [HEAD, 'manifests.d/', 'm/u/'] },
    })
  })

  it('8. takes no harm from a client that repeats a request without saying so', async () => {
    await survives({
      plans: { faults: ['error-after-effect', 'lost-answer', 'conflict'], targets: [HEAD] },
      decorate: (objects) => ({
        ...objects,
        put: (key, body, options) =>
          objects.put(key, body, options).catch(() => objects.put(key, body, options)),
      }),
    })
  })

  it('10. commits a group as a whole or not at all, wherever its process dies', async () => {
    let torn = 0
    for (let death = 1; death <= 60; death++) {
      const { operations, store } = await run({
        ...schedule(death, [
          [
            step({ kind: 'batch', ids: ['a', 'b', 'c'] }),
            step(create('d'), { start: 'at once' }),
            step({ kind: 'batch', ids: ['a', 'b', 'c'] }),
          ],
        ]),
        crashes: [{ process: 0, step: death, restartAfterMs: 1_000 }],
      })
      if (operations.some(({ outcome }) => outcome === 'unknown')) torn++
      const last = store.history(HEAD).at(-1)
      if (last === undefined) continue
      const { records } = decodeVersion(last.bytes, store)
      expect(['a', 'b', 'c'].filter((id) => records.has(id)).length % 3).toBe(0)
    }
    // They did die in the middle.
    expect(torn).toBeGreaterThan(20)
  })

  it('11. rejects of a shared commit only the batch that cannot be applied, and nothing of it is applied', async () => {
    let shared = 0
    for (const seed of SEEDS) {
      const result = await run(
        schedule(seed, [
          [
            step(create('a')),
            step({ kind: 'batch', ids: ['b', 'a'] }),
            step(create('c'), { start: 'at once' }),
            step(create('d'), { start: 'at once' }),
          ],
        ]),
      )
      expect(['p1.2', 'p1.3', 'p1.4'].map((label) => outcomeOf(result, label))).toEqual([
        'ALREADY_EXISTS',
        'committed',
        'committed',
      ])
      if (versionsOf(result)[1]?.records.size === 3) shared++
    }
    // In the others one upload took too long for the rest to wait for it.
    expect(shared).toBeGreaterThan(SEEDS.length / 2)
  })

  it('11. decides all of a group by one write of the head, and looks at the head no more for the one it rejects', async () => {
    const store = createSimulatedStore(() => 'none')
    const requests: string[] = []
    const note = (verb: string, key: string) => key === HEAD && requests.push(verb)
    const objects: ObjectStore = {
      ...store,
      put: (key, ...rest) => (note('put', key), store.put(key, ...rest)),
      get: (key, ...rest) => (note('get', key), store.get(key, ...rest)),
    }
    const manifest = new NamespaceManifest(NAMESPACE, createSimulatedContext(objects, 'p'))
    await manifest.commit([putMutation('a', 'a')])
    requests.length = 0
    const decided = await Promise.allSettled([
      manifest.commit([putMutation('b', 'b'), putMutation('a', 'again')]),
      manifest.commit([putMutation('c', 'c')]),
      manifest.commit([putMutation('d', 'd')]),
    ])
    expect(decided).toMatchObject([
      { status: 'rejected', reason: { code: 'ALREADY_EXISTS' } },
      { status: 'fulfilled', value: [{ id: 'c' }] },
      { status: 'fulfilled', value: [{ id: 'd' }] },
    ])
    expect(requests).toEqual(['put'])
    expect((await manifest.snapshot())?.version.head.header).toMatchObject({ seq: 2, live: 3 })
  })

  it('12. makes one namespace of what many create at the same time', async () => {
    for (const seed of SEEDS.slice(0, 10)) {
      const ids = ['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd']
      const result = await run(
        schedule(
          seed,
          ids.map((id) => [step(create(id))]),
        ),
      )
      const outcomes = ids.map((_, index) => outcomeOf(result, `p${index + 1}.1`))
      expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(4)
      expect(outcomes.filter((outcome) => outcome === 'ALREADY_EXISTS')).toHaveLength(4)
      expect(new Set(versionsOf(result).map(({ epoch }) => epoch)).size).toBe(1)
    }
  })
})
