import { findFailure } from '@umbra/core/testing'
import type { SimulationFailure, SimulationResult, Violation } from '@umbra/core/testing'
import { describe, expect, it } from 'vitest'
import { losesNewestPart, withoutAnchor } from './broken-rules.fixture.ts'
import { simulateManifest } from './manifest-simulation.fixture.ts'
import type { ManifestSimulation } from './manifest-simulation.fixture.ts'
import { NEGATIVE_CONTROLS } from './negative-controls.fixture.ts'
import { HEAD } from './simulated-manifest.fixture.ts'
import type { SimulatedOperation } from './simulated-manifest.fixture.ts'

type Failure = SimulationFailure<SimulatedOperation>

/** A mistake that takes longer to find is not one that the simulator can be trusted to find. */
const MAX_PLANS = 3_000

const PLANS_WITH_THE_RULE = 100

const properties = (failure: Failure | undefined) => failure?.violations.map(({ property }) => property) ?? []

const countOperations = (failure: Failure | undefined) =>
  failure?.plan.processes.reduce((total, { operations }) => total + operations.length, 0)

describe('without the rule, the simulator tells a story in which a promise is broken:', () => {
  it.each(NEGATIVE_CONTROLS)('$name', async ({ setting, mistake, seed, ...expected }) => {
    const plans = { ...setting?.plans, ...mistake.plans }
    const simulation = simulateManifest({ ...setting, ...mistake, plans, counting: 'never' })
    const failure = await findFailure({ ...simulation, runs: { numRuns: MAX_PLANS, seed } })
    expect(properties(failure).filter((found) => expected.properties.includes(found))).not.toEqual([])
    expect(countOperations(failure)).toBeLessThanOrEqual(expected.operations)
  })

  it('a merge that loses a part is thrown away because it is counted, and the records stay', async () => {
    const failure = await findFailure({
      ...simulateManifest({ runs: losesNewestPart }),
      runs: { numRuns: 100, seed: 1 },
    })
    // The report of the compaction, and nothing else.
    expect(new Set(properties(failure))).toEqual(new Set(['defect']))
    expect(failure?.violations[0]?.message).toMatch(/CORRUPT: a merge .* did not keep every entry/)
  })
})

describe('with the rule, and in the same circumstances, nothing breaks:', () => {
  const settings = NEGATIVE_CONTROLS.flatMap(({ name, setting, seed }) =>
    setting === undefined ? [] : [{ name, setting, seed }],
  )

  it.each(settings)('not that $name', async ({ setting, seed }) => {
    const failure = await findFailure({
      ...simulateManifest(setting),
      runs: { numRuns: PLANS_WITH_THE_RULE, seed },
    })
    expect(failure?.violations).toBeUndefined()
  })
})

describe('a head that an operator has deleted', () => {
  const LOSING: ManifestSimulation = {
    maintenance: ['lose-head', 'wait'],
    watch: () => undefined,
    // A first commit that is on its way while the head is lost cannot be told from the first of all.
    plans: { maxFaults: 0, maxCrashes: 0, maxSkewMs: 0 },
  }
  const findNewHead = (simulation: ManifestSimulation, numRuns: number) =>
    findFailure({ ...simulateManifest(simulation), check: newHeads, runs: { numRuns, seed: 1 } })

  it('is never replaced by an empty one', async () => {
    expect((await findNewHead(LOSING, 500))?.violations).toBeUndefined()
  })

  it('is replaced by an empty one where no anchor says that there was a head', async () => {
    const failure = await findNewHead({ ...LOSING, decorate: withoutAnchor }, 500)
    expect(properties(failure)).toEqual(['broken-chain'])
    expect(countOperations(failure)).toBeLessThanOrEqual(4)
  })
})

function newHeads({ store }: SimulationResult<SimulatedOperation>): readonly Violation[] {
  const versions = store.history(HEAD)
  const lost = versions.findIndex(({ kind }) => kind === 'deleted')
  if (lost === -1 || lost === versions.length - 1) return []
  return [{ property: 'broken-chain', message: 'a new head takes the place of the lost one' }]
}
