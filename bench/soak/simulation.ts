import { findFailure, formatFailure } from '@umbra/core/testing'
import { simulateManifest } from '../../packages/r2/src/manifest/manifest-simulation.fixture.ts'
import { dividePlans } from '../../packages/r2/src/manifest/simulation-suites.fixture.ts'
import type { SoakLoop } from './soak-loop.ts'

const PLANS_PER_PASS = 5_000

/** Simulated processes, network and store: every pass other plans, and none with more luck than the last. */
export async function openSimulation(): Promise<SoakLoop> {
  return {
    name: 'simulation',
    close: async () => {},
    pass: async (seed, say) => {
      const startedAt = performance.now()
      const violations: string[] = []
      let done = 0
      for (const { name, simulation, plans } of dividePlans(PLANS_PER_PASS)) {
        const failure = await findFailure({
          ...simulateManifest(simulation),
          runs: { numRuns: plans, seed },
        })
        done += plans
        if (failure !== undefined) violations.push(`while ${name}:\n${formatFailure(failure)}`)
        if (violations.length > 0) break
      }
      const seconds = (performance.now() - startedAt) / 1_000
      say(`${done} plans, ${Math.round(done / seconds)} a second`)
      return { counts: { plans: done }, violations }
    },
  }
}
