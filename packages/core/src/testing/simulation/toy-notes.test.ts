import { describe, expect, it } from 'vitest'
import { assertSimulations, findFailure, formatFailure } from './assert-simulations.ts'
import type { AssertSimulationsOptions } from './assert-simulations.ts'
import { checkRecordHistory } from './check-record-history.ts'
import { watchHeadChain } from './head-chain.ts'
import type { RecordOperation } from './record-operation.ts'
import { recordOperations } from './record-operation.ts'
import type { VersionDecoder } from './record-timeline.ts'
import type { StoreRules } from './simulation-plan.ts'
import { simulationPlans } from './simulation-plans.ts'
import { createToySystem, decodeToyHead, HEAD } from './toy-notes.fixture.ts'
import type { Mistake } from './toy-notes.fixture.ts'
import type { ViolatedProperty } from './violation.ts'

interface Trial {
  readonly mistake?: Mistake
  readonly store?: Partial<StoreRules>
  readonly numRuns: number
}

const decode: VersionDecoder = ({ bytes }) => decodeToyHead(bytes)

/** A chain of bodies that do not say where in it they are. */
const decodeUnnumbered: VersionDecoder = ({ number, bytes, key }, store) => ({
  ...decodeToyHead(bytes),
  seq: number,
  prevEtag: store.history(key)[number - 2]?.etag,
})

function simulations({ mistake, store = {}, numRuns }: Trial): AssertSimulationsOptions<RecordOperation> {
  const isNumbered = mistake !== 'no-version-in-body'
  return {
    plans: simulationPlans({
      operations: recordOperations({ ids: ['a', 'b'] }),
      targets: [HEAD],
      store,
      epilogue: [{ kind: 'read-all' }],
    }),
    simulation: () => ({
      system: createToySystem(mistake),
      ...(isNumbered && { watch: watchHeadChain((key) => key === HEAD, decodeToyHead) }),
    }),
    check: (result) =>
      checkRecordHistory(result, { headKey: HEAD, decode: isNumbered ? decode : decodeUnnumbered }),
    runs: { numRuns, seed: 1 },
  }
}

/** What each mistake breaks. */
const MISTAKES: readonly (readonly [Mistake, readonly ViolatedProperty[]])[] = [
  ['blind-rebase', ['rejected-yet-applied']],
  ['unchanged-means-failed', ['rejected-yet-applied']],
  // Bodies that say nothing about writers either make repeated writes look like those of others.
  ['no-version-in-body', ['broken-chain', 'rejected-yet-applied', 'applied-twice']],
  ['early-acknowledgement', ['acknowledged-yet-absent']],
  ['batch-in-pieces', ['torn-batch']],
  ['cached-read', ['stale-read']],
  ['no-condition', ['broken-chain']],
  ['waits-forever', ['never-ended']],
]

/** A story of more operations would not have been made as small as it could be. */
const SHORT = 4

describe('a system that keeps its promises', () => {
  it('passes under every fault there is', async () => {
    await assertSimulations(simulations({ numRuns: 2_000 }))
  })
})

describe('a system that does not', () => {
  it.each(MISTAKES)('is found out, with a short story: %s', async (mistake, properties) => {
    const failure = await findFailure(simulations({ mistake, numRuns: 2_000 }))
    expect(properties).toContain(failure?.violations[0]?.property)
    const performed = failure?.result.operations.filter(({ process }) => process !== 'last') ?? []
    expect(performed.length).toBeLessThanOrEqual(SHORT)
  })

  it('is found out on a store that ignores conditions, however right it is', async () => {
    const failure = await findFailure(simulations({ store: { ignoreConditions: true }, numRuns: 500 }))
    expect(failure?.violations[0]?.property).toBe('broken-chain')
  })

  it('is found out when it does not depend on its plan alone', async () => {
    let starts = 0
    const fickle = findFailure({
      plans: simulationPlans({ operations: recordOperations() }),
      simulation: () => ({ system: createToySystem(++starts === 3 ? 'waits-forever' : undefined) }),
      check: ({ violations }) => (starts === 3 ? [{ property: 'defect', message: 'no' }] : violations),
      runs: { numRuns: 10, seed: 1 },
    })
    await expect(fickle).rejects.toThrow('does not fail again')
  })

  it('fails with a story and the line that replays it', async () => {
    const trial = simulations({ mistake: 'blind-rebase', numRuns: 2_000 })
    const failure = await findFailure(trial)
    const message = await assertSimulations(trial).catch((error: unknown) =>
      error instanceof Error ? error.message : '',
    )
    expect(message).toBe(failure && formatFailure(failure))
    expect(message).toMatch(/^rejected-yet-applied: v\d changes a: .*p\d\.\d was rejected\n/)
    expect(message).toMatch(/^ +1 +0\.000 s {2}p1 {5}begins p1\.1: [a-z]+ a/m)
    expect(message).toMatch(/store +#\d+ is stored: v1 of notes\/head/)
    expect(message).toMatch(/p\d +is told p\d\.\d is rejected \([A-Z_]+\)/)
    const replay = /replay: runs: \{ seed: (\d+), path: '([\d:]+)' \}$/.exec(message ?? '')
    const runs = { seed: Number(replay?.[1]), path: replay?.[2] ?? '', numRuns: 1 }
    const again = await findFailure({ ...trial, runs })
    expect(again?.plan).toEqual(failure?.plan)
    expect(again?.result.story).toEqual(failure?.result.story)
  })
})
