import { findFailure, formatFailure } from '@umbra/core/testing'
import type { AssertSimulationsOptions } from '@umbra/core/testing'
import { simulateManifest } from '../../packages/r2/src/manifest/manifest-simulation.fixture.ts'
import { dividePlans } from '../../packages/r2/src/manifest/simulation-suites.fixture.ts'
import { simulateOutbox } from '../../packages/unified/src/outbox-simulation/outbox-simulation.fixture.ts'
import { OUTBOX_SUITES } from '../../packages/unified/src/outbox-simulation/outbox-suites.fixture.ts'
import type { SoakLoop } from './soak-loop.ts'

const PLANS_PER_PASS = 5_000

interface Suite<Operation> {
  readonly name: string
  readonly plans: number
  readonly simulation: Omit<AssertSimulationsOptions<Operation>, 'runs'>
}

/** Simulated processes, network and store: every pass other plans, and none with more luck than the last. */
export async function openSimulation(): Promise<SoakLoop> {
  return simulationLoop('simulation', () =>
    dividePlans(PLANS_PER_PASS).map((one) => ({ ...one, simulation: simulateManifest(one.simulation) })),
  )
}

/** The same with an outbox in each process, in real SQLite files. */
export async function openOutboxSimulation(): Promise<SoakLoop> {
  return simulationLoop('outbox-simulation', () =>
    OUTBOX_SUITES.map((one) => ({ ...one, simulation: simulateOutbox(one.simulation) })),
  )
}

function simulationLoop<Operation>(name: string, suites: () => readonly Suite<Operation>[]): SoakLoop {
  return {
    name,
    close: async () => {},
    pass: async (seed, say) => {
      const startedAt = performance.now()
      const violations: string[] = []
      let done = 0
      for (const { name: suite, simulation, plans } of suites()) {
        const failure = await findFailure({ ...simulation, runs: { numRuns: plans, seed } })
        done += plans
        if (failure !== undefined) violations.push(`${suite}:\n${formatFailure(failure)}`)
        if (violations.length > 0) break
      }
      const seconds = (performance.now() - startedAt) / 1_000
      say(`${done} plans, ${Math.round(done / seconds)} a second`)
      return { counts: { [`${name} plans`]: done }, violations }
    },
  }
}
