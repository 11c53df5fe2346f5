import { describe, expect, it } from 'vitest'
import { findFailure, formatFailure } from './assert-simulations.ts'
import type { AssertSimulationsOptions } from './assert-simulations.ts'
import { checkRecordHistory } from './check-record-history.ts'
import { watchHeadChain } from './head-chain.ts'
import { recordOperations } from './record-operation.ts'
import type { RecordOperation } from './record-operation.ts'
import type { StoreRules } from './simulation-plan.ts'
import { simulationPlans } from './simulation-plans.ts'
import { createToySystem, decodeToyHead, HEAD } from './toy-notes.fixture.ts'
import type { Mistake } from './toy-notes.fixture.ts'

function simulations(
  mistake: Mistake | undefined,
  store: Partial<StoreRules> = {},
): AssertSimulationsOptions<RecordOperation> {
  return {
    plans: simulationPlans({
      operations: recordOperations({ ids: ['a', 'b'] }),
      maxProcesses: 2,
      store,
      epilogue: [{ kind: 'read-all' }],
    }),
    simulation: () => ({
      system: createToySystem(mistake),
      watch: watchHeadChain((key) => key === HEAD, decodeToyHead),
    }),
    check: (result) =>
      checkRecordHistory(result, { headKey: HEAD, decode: ({ bytes }) => decodeToyHead(bytes) }),
    runs: { numRuns: 500, seed: 1 },
  }
}

describe('a system that keeps its promises', () => {
  it('passes under every fault there is', async () => {
    const failure = await findFailure(simulations(undefined))
    expect(failure && formatFailure(failure)).toBeUndefined()
  })
})

describe('a system that does not', () => {
  it.each([
    'blind-rebase',
    'unchanged-means-failed',
    'no-version-in-body',
    'early-acknowledgement',
    'batch-in-pieces',
    'cached-read',
    'no-condition',
    'waits-forever',
  ] as const)('is found out: %s', async (mistake) => {
    const failure = await findFailure({ ...simulations(mistake), runs: { numRuns: 3000, seed: 1 } })
    console.log(mistake, failure && formatFailure(failure))
    expect(failure).toBeDefined()
  })
  it('ignore', async () => {
    const failure = await findFailure(simulations(undefined, { ignoreConditions: true }))
    console.log(failure && formatFailure(failure))
    expect(failure).toBeDefined()
  })
})
