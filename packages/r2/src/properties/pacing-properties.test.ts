import { describe, expect, it } from 'vitest'
import { measureFairness } from './measure-fairness.fixture.ts'
import type { Fairness } from './measure-fairness.fixture.ts'

const SECONDS = 120

interface Budget {
  readonly writers: number
  readonly p50: number
  readonly p99: number
  readonly putsPerCommit: number
  readonly unfairness: number
}

/** The worst of what six seeds gave, and a fifth more. The longest waits are those of writers that begin all at once. Milliseconds. */
const BUDGETS: readonly Budget[] = [
  { writers: 1, p50: 950, p99: 1_700, putsPerCommit: 1.05, unfairness: 1 },
  { writers: 2, p50: 1_700, p99: 9_000, putsPerCommit: 1.3, unfairness: 1.4 },
  { writers: 4, p50: 3_300, p99: 20_000, putsPerCommit: 1.4, unfairness: 1.5 },
  { writers: 8, p50: 6_800, p99: 34_000, putsPerCommit: 1.7, unfairness: 1.8 },
  { writers: 16, p50: 15_500, p99: 80_000, putsPerCommit: 2.4, unfairness: 4.2 },
]

/** The same for writers that send one group after another, as an outbox does: what comes meanwhile waits for the next. */
const NUMBERED_BUDGETS: readonly Budget[] = [
  { writers: 2, p50: 4_400, p99: 7_000, putsPerCommit: 1.3, unfairness: 1.3 },
  { writers: 8, p50: 17_700, p99: 39_000, putsPerCommit: 1.6, unfairness: 1.4 },
]

/** Writers that back off exponentially, simulated on such a store for ten minutes. */
const EXPONENTIAL_BACKOFF: readonly Omit<Budget, 'unfairness'>[] = [
  { writers: 1, p50: 800, p99: 1_700, putsPerCommit: 2.35 },
  { writers: 2, p50: 1_300, p99: 166_000, putsPerCommit: 2.75 },
  { writers: 4, p50: 39_000, p99: 312_000, putsPerCommit: 3.36 },
  { writers: 8, p50: 49_000, p99: 320_000, putsPerCommit: 4.78 },
]

async function measure(budget: Budget, writing: { readonly isNumbered?: true } = {}): Promise<Fairness> {
  const measured = await measureFairness(budget.writers, { seconds: SECONDS, seed: 1, ...writing })
  expect(measured.records).toBe(budget.writers * SECONDS * 2)
  for (const name of ['p50', 'p99', 'putsPerCommit', 'unfairness'] as const)
    expect(measured[name], name).toBeLessThanOrEqual(budget[name])
  return measured
}

describe('9. writers of one head that the store lets be written once a second', () => {
  it.each(BUDGETS)('wait no longer and lose no more races than this: $writers of them', async (budget) => {
    const measured = await measure(budget)
    const backoff = EXPONENTIAL_BACKOFF.find(({ writers }) => writers === budget.writers)
    if (backoff === undefined) return
    expect(measured.putsPerCommit).toBeLessThan(backoff.putsPerCommit)
    expect(measured.p99).toBeLessThan(backoff.p99)
  })

  it.each(NUMBERED_BUDGETS)('nor do $writers that count their operations themselves', async (budget) => {
    await measure(budget, { isNumbered: true })
  })
})
