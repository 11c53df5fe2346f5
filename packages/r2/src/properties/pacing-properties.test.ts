import { describe, expect, it } from 'vitest'
import { measureFairness } from './measure-fairness.fixture.ts'

const SECONDS = 120

interface Budget {
  readonly writers: number
  readonly p50: number
  readonly p99: number
  readonly putsPerCommit: number
  readonly unfairness: number
}

/** What was measured, and up to a third more. Milliseconds. */
const BUDGETS: readonly Budget[] = [
  { writers: 1, p50: 900, p99: 1_800, putsPerCommit: 1.05, unfairness: 1 },
  { writers: 2, p50: 1_800, p99: 5_000, putsPerCommit: 1.15, unfairness: 1.2 },
  { writers: 4, p50: 3_500, p99: 14_000, putsPerCommit: 1.4, unfairness: 1.4 },
  { writers: 8, p50: 7_000, p99: 23_000, putsPerCommit: 1.5, unfairness: 1.5 },
  { writers: 16, p50: 16_000, p99: 60_000, putsPerCommit: 2.2, unfairness: 2.5 },
]

/** Writers that back off exponentially, simulated on such a store for ten minutes. */
const EXPONENTIAL_BACKOFF: readonly Omit<Budget, 'unfairness'>[] = [
  { writers: 1, p50: 800, p99: 1_700, putsPerCommit: 2.35 },
  { writers: 2, p50: 1_300, p99: 166_000, putsPerCommit: 2.75 },
  { writers: 4, p50: 39_000, p99: 312_000, putsPerCommit: 3.36 },
  { writers: 8, p50: 49_000, p99: 320_000, putsPerCommit: 4.78 },
]

describe('9. writers of one head that the store lets be written once a second', () => {
  it.each(BUDGETS)('wait no longer and lose no more races than this: $writers of them', async (budget) => {
    const measured = await measureFairness(budget.writers, SECONDS, 1)
    expect(measured.records).toBe(budget.writers * SECONDS * 2)
    for (const name of ['p50', 'p99', 'putsPerCommit', 'unfairness'] as const)
      expect(measured[name], name).toBeLessThanOrEqual(budget[name])
    const backoff = EXPONENTIAL_BACKOFF.find(({ writers }) => writers === budget.writers)
    if (backoff === undefined) return
    expect(measured.putsPerCommit).toBeLessThan(backoff.putsPerCommit)
    expect(measured.p99).toBeLessThan(backoff.p99)
  })
})
