import { assertSimulations, DEFAULT_STORE_RULES, simulate } from '@umbra/core/testing'
import type {
  PlannedOperation,
  SimulatedProcess,
  SimulationPlan,
  SimulationResult,
  Violation,
} from '@umbra/core/testing'
import { expect } from 'vitest'
import { simulateManifest } from '../manifest/manifest-simulation.fixture.ts'
import type { ManifestSimulation } from '../manifest/manifest-simulation.fixture.ts'
import { startManifest } from '../manifest/simulated-manifest.fixture.ts'
import type { SimulatedOperation } from '../manifest/simulated-manifest.fixture.ts'

export type Result = SimulationResult<SimulatedOperation>
export type Step = PlannedOperation<SimulatedOperation>

export interface Circumstances {
  /** What a process has of the world. */
  readonly around?: (process: SimulatedProcess) => SimulatedProcess
  /** What else befalls every plan. */
  readonly befall?: (plan: SimulationPlan<SimulatedOperation>) => SimulationPlan<SimulatedOperation>
  /** Other plans than those of other properties. */
  readonly seed?: number
}

/** How many plans each property is tried with on its own, besides those of the whole. */
const PLANS = 250

/** One operation that nothing befalls, after all earlier ones of its process. */
export function step(operation: SimulatedOperation, change: Partial<Step> = {}): Step {
  return { operation, start: 'turn', pauseMs: 0, faults: [], crash: undefined, ...change }
}

export const create = (id: string): SimulatedOperation => ({ kind: 'create', id })
export const update = (id: string, over: 'read' | 'any' = 'any'): SimulatedOperation => ({
  kind: 'update',
  id,
  over,
})
export const READ_ALL: SimulatedOperation = { kind: 'read-all' }

/** A schedule written by hand: the operations of each process. The seed decides how long each message takes. */
export function schedule(
  seed: number,
  processes: readonly (readonly Step[])[],
): SimulationPlan<SimulatedOperation> {
  return {
    seed,
    store: DEFAULT_STORE_RULES,
    processes: processes.map((operations) => ({ skewMs: 0, clockJumps: [], operations })),
    crashes: [],
    epilogue: [READ_ALL],
  }
}

/** Runs it and checks everything that is checked of every simulation. */
export async function run(
  plan: SimulationPlan<SimulatedOperation>,
  simulation: ManifestSimulation = {},
  { around = (process) => process }: Pick<Circumstances, 'around'> = {},
): Promise<Result> {
  const { simulation: options, check } = simulateManifest(simulation)
  const start = (process: SimulatedProcess) => startManifest(around(process), simulation)
  const result = await simulate(plan, { ...options(), system: { start } })
  expect(await check?.(result)).toEqual([])
  return result
}

/** Many plans in which something goes wrong in just this way; `check` adds what the property alone says. */
export async function survives(
  simulation: ManifestSimulation,
  check: (result: Result) => readonly string[] = () => [],
  { around = (process) => process, befall = (plan) => plan, seed = 1 }: Circumstances = {},
): Promise<void> {
  const simulated = simulateManifest(simulation)
  await assertSimulations({
    ...simulated,
    plans: simulated.plans.map(befall),
    simulation: () => ({
      ...simulated.simulation(),
      system: { start: (process) => startManifest(around(process), simulation) },
    }),
    check: async (result) => [
      ...((await simulated.check?.(result)) ?? []),
      ...check(result).map((message): Violation => ({ property: 'unexplained-change', message })),
    ],
    runs: { numRuns: PLANS, seed },
  })
}

/** What became of an operation, such as `committed`, or the code of its error. */
export function outcomeOf(result: Result, label: string): string | undefined {
  const found = result.operations.find((operation) => operation.label === label)
  const { error } = found ?? {}
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : found?.outcome
}
