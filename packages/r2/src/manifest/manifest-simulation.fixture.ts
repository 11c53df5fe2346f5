import { checkRecordHistory, recordOperations, simulationPlans, watchHeadChain } from '@umbra/core/testing'
import type { AssertSimulationsOptions, PlanConstraints } from '@umbra/core/testing'
import { decodeLink, decodeVersion, HEAD, startManifest } from './simulated-manifest.fixture.ts'
import type { SimulatedManifestOptions, SimulatedOperation, Upkeep } from './simulated-manifest.fixture.ts'

export interface ManifestSimulation extends SimulatedManifestOptions {
  readonly maintenance?: readonly Upkeep[]
  readonly plans?: Partial<PlanConstraints<SimulatedOperation>>
  /** How long what a version refers to must stay after it was replaced, milliseconds. Default 0. */
  readonly graceMs?: number
}

/** The engine over a faulty network and store, and what must hold whatever happens. */
export function simulateManifest(
  options: ManifestSimulation = {},
): Omit<AssertSimulationsOptions<SimulatedOperation>, 'runs'> {
  const { maintenance = ['compact'], graceMs = 0 } = options
  return {
    plans: simulationPlans<SimulatedOperation>({
      operations: recordOperations({ maintenance }),
      targets: [HEAD, 'manifests.d/'],
      maxOperations: 8,
      epilogue: [{ kind: 'read-all' }],
      ...options.plans,
    }),
    simulation: () => ({
      system: { start: (process) => startManifest(process, options) },
      watch: watchHeadChain((key) => key === HEAD, decodeLink),
    }),
    check: (result) => checkRecordHistory(result, { headKey: HEAD, decode: decodeVersion, graceMs }),
  }
}

/** Garbage is collected within seconds, and clocks are nearly right: everything timed by age happens in a simulation. */
export const COLLECTING: ManifestSimulation = {
  maintenance: ['compact', 'collect', 'wait'],
  limits: { graceMs: 20_000, clockSkewMs: 5_000, tombstoneMs: 60_000 },
  plans: { maxSkewMs: 2_000, maxOperations: 10 },
  graceMs: 10_000,
}
