import { checkRecordHistory, recordOperations, simulationPlans, watchHeadChain } from '@umbra/core/testing'
import type {
  AssertSimulationsOptions,
  DecodedVersion,
  PlanConstraints,
  SimulationOptions,
  StoredVersion,
  Violation,
} from '@umbra/core/testing'
import { decodeLink, decodeVersion, HEAD, startManifest } from './simulated-manifest.fixture.ts'
import type { SimulatedManifestOptions, SimulatedOperation, Upkeep } from './simulated-manifest.fixture.ts'

export interface ManifestSimulation extends SimulatedManifestOptions {
  readonly maintenance?: readonly Upkeep[]
  readonly plans?: Partial<PlanConstraints<SimulatedOperation>>
  /** How long what a version refers to must stay after it was replaced, milliseconds. Default 0. */
  readonly graceMs?: number
  /** Whether revision numbers must never come back. Default false: they may, once a tombstone is old enough to go. */
  readonly keepsCount?: true
  /** The bytes of a head as the engine wrote it, should something between it and the store have changed them. */
  readonly restore?: (version: StoredVersion) => Uint8Array
  /** `never`: what a head states of its own records is not counted anew, so a mistake must show in what callers see. */
  readonly counting?: 'never'
  /** What must hold of every version as it is stored. Default: that heads form one chain. */
  readonly watch?: SimulationOptions<SimulatedOperation>['watch']
}

/** The engine over a faulty network and store, and what must hold whatever happens. */
export function simulateManifest(
  options: ManifestSimulation = {},
): Omit<AssertSimulationsOptions<SimulatedOperation>, 'runs'> {
  const { maintenance = ['compact'], graceMs = 0, keepsCount = false } = options
  const { restore = ({ bytes }: StoredVersion) => bytes } = options
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
      watch: options.watch ?? watchHeadChain((key) => key === HEAD, decodeLink),
    }),
    check: async (result) => {
      const miscounted: Violation[] = []
      const violations = await checkRecordHistory(result, {
        headKey: HEAD,
        decode: (version, store) => {
          const decoded = decodeVersion(restore(version), store)
          if (!decoded.isCounted && options.counting !== 'never') miscounted.push(miscountedAt(decoded))
          return decoded
        },
        graceMs,
        keepsCount,
      })
      return [...violations, ...miscounted]
    },
  }
}

function miscountedAt({ seq }: DecodedVersion): Violation {
  return {
    property: 'unexplained-change',
    message: `the number or the sum that version ${seq} states is wrong`,
  }
}

/** Garbage is collected within seconds, and clocks are nearly right: everything timed by age happens in a simulation. */
export const COLLECTING: ManifestSimulation = {
  maintenance: ['compact', 'collect', 'wait'],
  limits: { graceMs: 20_000, clockSkewMs: 5_000, tombstoneMs: 60_000 },
  plans: { maxSkewMs: 2_000, maxOperations: 10 },
  graceMs: 10_000,
}
