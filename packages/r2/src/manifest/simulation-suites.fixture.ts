import { COLLECTING } from './manifest-simulation.fixture.ts'
import type { ManifestSimulation } from './manifest-simulation.fixture.ts'
import { NEGATIVE_CONTROLS } from './negative-controls.fixture.ts'

export interface SimulationSuite {
  readonly name: string
  readonly simulation: ManifestSimulation
  /** Share of the plans: 1 is twice as many as 0.5. */
  readonly weight: number
}

/** The circumstances the engine is simulated in: the usual ones, and those in which each mistake would show soonest. */
export const SIMULATION_SUITES: readonly SimulationSuite[] = [
  { name: 'records are written, sealed and merged', simulation: {}, weight: 1 },
  { name: 'garbage is collected', simulation: COLLECTING, weight: 1 },
  ...NEGATIVE_CONTROLS.flatMap(({ name, setting }): readonly SimulationSuite[] =>
    setting === undefined ? [] : [{ name: `it would show that ${name}`, simulation: setting, weight: 0.3 }],
  ),
]

/** How many of so many plans go to each suite. */
export function dividePlans(plans: number): readonly (SimulationSuite & { readonly plans: number })[] {
  const total = SIMULATION_SUITES.reduce((sum, { weight }) => sum + weight, 0)
  return SIMULATION_SUITES.map((suite) => ({ ...suite, plans: Math.ceil((plans * suite.weight) / total) }))
}
