import { assertSimulations } from '@umbra/core/testing'
import { describe, it } from 'vitest'
import { simulateManifest } from './manifest-simulation.fixture.ts'
import { dividePlans } from './simulation-suites.fixture.ts'

/** In all; `npm run soak` simulates others for as long as one likes. */
const PLANS = 5_000

describe('no schedule of crashes, delays, duplicates and lost answers loses, doubles or resurrects anything', () => {
  it.each(dividePlans(PLANS))('while $name: $plans plans', async ({ simulation, plans }) => {
    await assertSimulations({ ...simulateManifest(simulation), runs: { numRuns: plans, seed: 1 } })
  })
})
