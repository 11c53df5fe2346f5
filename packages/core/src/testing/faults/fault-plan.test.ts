import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../clock.ts'
import { createFaultPlanner } from './fault-plan.ts'
import type { FaultRule, SeenRequest } from './fault-rule.ts'
import { createSeededRandom } from './seeded-random.ts'

const put: SeenRequest = { method: 'PUT', key: 'a/b', query: '' }
const error = { kind: 'error-before' } as const

function plannerOf(rules: readonly FaultRule[], seed = 1) {
  let nowMs = 0
  const clock: Clock = { now: () => nowMs, sleep: async (delayMs) => void (nowMs += delayMs) }
  return { plan: createFaultPlanner(rules, { random: createSeededRandom(seed), clock }), clock }
}

describe('a fault rule', () => {
  it('holds for every request when it says nothing else', () => {
    const { plan } = plannerOf([{ fault: error }])
    expect(plan(put).disruption).toEqual(error)
    expect(plan({ method: 'GET', key: '', query: '?list-type=2' }).disruption).toEqual(error)
  })

  it('is limited to methods and keys, by prefix or by test', () => {
    const { plan } = plannerOf([{ fault: error, methods: ['PUT'], key: 'a/' }])
    expect(plan(put).disruption).toEqual(error)
    expect(plan({ ...put, method: 'GET' }).disruption).toBeUndefined()
    expect(plan({ ...put, key: 'b/a/' }).disruption).toBeUndefined()
    const byTest = plannerOf([{ fault: error, key: (key) => key.endsWith('b') }])
    expect(byTest.plan(put).disruption).toEqual(error)
    expect(byTest.plan({ ...put, key: 'a/c' }).disruption).toBeUndefined()
  })

  it('counts only the requests that match it, from nth on and so many times', () => {
    const { plan } = plannerOf([{ fault: error, methods: ['PUT'], nth: 2, times: 2 }])
    const hits = Array.from({ length: 5 }, () => {
      plan({ ...put, method: 'GET' })
      return plan(put).disruption !== undefined
    })
    expect(hits).toEqual([false, true, true, false, false])
  })

  it('with a chance hits about that share, and the same requests for the same seed', () => {
    const hitsOf = (seed: number): boolean[] => {
      const { plan } = plannerOf([{ fault: error, chance: 0.25 }], seed)
      return Array.from({ length: 1_000 }, () => plan(put).disruption !== undefined)
    }
    expect(hitsOf(7)).toEqual(hitsOf(7))
    expect(hitsOf(7)).not.toEqual(hitsOf(8))
    expect(hitsOf(7).filter(Boolean).length).toBeGreaterThan(200)
    expect(hitsOf(7).filter(Boolean).length).toBeLessThan(300)
  })

  it('lets delays and slow bodies go together with the first disruption', () => {
    const { plan } = plannerOf([
      { fault: { kind: 'latency', minMs: 10, maxMs: 20 } },
      { fault: { kind: 'slow-request', bytesPerSecond: 5 } },
      { fault: { kind: 'slow-answer', bytesPerSecond: 6 } },
      { fault: { kind: 'duplicate' } },
      { fault: error },
    ])
    const { delayMs, ...rest } = plan(put)
    expect(delayMs).toBeGreaterThanOrEqual(10)
    expect(delayMs).toBeLessThan(20)
    expect(rest).toEqual({
      slowRequest: { kind: 'slow-request', bytesPerSecond: 5 },
      slowAnswer: { kind: 'slow-answer', bytesPerSecond: 6 },
      disruption: { kind: 'duplicate' },
    })
  })
})

describe('the limit of writes', () => {
  const limit = { kind: 'rate-limit', intervalMs: 1_000 } as const

  it('lets one write of a key through per interval, whatever is asked in between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ key: fc.constantFrom('a', 'b'), waitMs: fc.nat(700) }), { maxLength: 60 }),
        (steps) => {
          const { plan, clock } = plannerOf([{ fault: limit }])
          const letThroughAt = new Map<string, number>()
          for (const { key, waitMs } of steps) {
            void clock.sleep(waitMs)
            const isRefused = plan({ ...put, key }).disruption?.kind === 'rate-limit'
            const isEarly = clock.now() < (letThroughAt.get(key) ?? -Infinity) + 1_000
            expect(isRefused).toBe(isEarly)
            if (!isRefused) letThroughAt.set(key, clock.now())
          }
        },
      ),
    )
  })

  it('counts neither reads nor parts nor what another fault has kept from the store', () => {
    const { plan } = plannerOf([{ fault: error, methods: ['PUT'], times: 1 }, { fault: limit }])
    expect(plan(put).disruption).toEqual(error)
    expect(plan({ ...put, method: 'GET' }).disruption).toBeUndefined()
    expect(plan({ ...put, query: '?partNumber=1&uploadId=x' }).disruption).toBeUndefined()
    expect(plan(put).disruption).toBeUndefined()
    expect(plan(put).disruption).toEqual(limit)
  })

  it('counts a write whose answer gets lost, and refuses the next before anything else happens to it', () => {
    const lost = { kind: 'cut-before-answer' } as const
    const { plan } = plannerOf([{ fault: lost }, { fault: limit }])
    expect(plan(put).disruption).toEqual(lost)
    expect(plan(put).disruption).toEqual(limit)
  })
})
