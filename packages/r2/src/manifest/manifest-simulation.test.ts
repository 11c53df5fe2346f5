import { assertSimulations } from '@umbra/core/testing'
import { describe, it } from 'vitest'
import { COLLECTING, simulateManifest } from './manifest-simulation.fixture.ts'

const RUNS = Number(process.env['UMBRA_SIMULATIONS'] ?? 1_000)

describe('no schedule of crashes, delays, duplicates and lost answers loses, doubles or resurrects anything', () => {
  it('while records are written, sealed and merged', async () => {
    await assertSimulations({ ...simulateManifest(), runs: { numRuns: RUNS, seed: 1 } })
  })

  it('while garbage is collected', async () => {
    await assertSimulations({ ...simulateManifest(COLLECTING), runs: { numRuns: RUNS, seed: 2 } })
  })
})
