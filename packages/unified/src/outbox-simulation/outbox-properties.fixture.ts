import { DEFAULT_STORE_RULES, simulate, watchHeadChain } from '@umbra/core/testing'
import type { PlannedOperation, ProcessPlan, SimulationPlan, SimulationResult } from '@umbra/core/testing'
import { decodeLink, decodeVersion, HEAD } from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import { checkOutbox } from './check-outbox.fixture.ts'
import { hasWork } from './outbox-simulation.fixture.ts'
import { OutboxWorld } from './outbox-world.fixture.ts'
import { startOutbox } from './simulated-outbox.fixture.ts'
import type { OutboxOperation, OutboxTask, SimulatedOutboxOptions } from './simulated-outbox.fixture.ts'

export type Step = PlannedOperation<OutboxOperation>

/** One operation after the other, with what is said about it. */
export function step(operation: OutboxOperation, about: Partial<Step> = {}): Step {
  return { operation, start: 'turn', pauseMs: 0, faults: [], crash: undefined, ...about }
}

export const create = (id: string, about: Partial<Step> = {}): Step => step({ kind: 'create', id }, about)
export const update = (id: string, about: Partial<Step> = {}): Step =>
  step({ kind: 'update', id, over: 'read' }, about)
export const task = (name: OutboxTask): Step => step({ kind: 'maintain', task: name })

/** Nothing that is sent from the operation on arrives for so long. */
export const away = (delayMs: number): Partial<Step> => ({
  faults: [{ kind: 'network-down', nth: 1, on: '', delayMs }],
})

export function planOf(
  steps: readonly Step[],
  about: Partial<SimulationPlan<OutboxOperation>> & Partial<ProcessPlan<OutboxOperation>> = {},
): SimulationPlan<OutboxOperation> {
  const { skewMs = 0, clockJumps = [], ...others } = about
  return {
    seed: 1,
    store: DEFAULT_STORE_RULES,
    processes: [{ skewMs, clockJumps, operations: steps }],
    crashes: [],
    epilogue: [{ kind: 'maintain', task: 'drain' }],
    ...others,
  }
}

export interface CheckedRun {
  readonly result: SimulationResult<OutboxOperation>
  readonly world: OutboxWorld
  /** What is wrong, for people. */
  readonly problems: readonly string[]
  /** What is listed as refused in the end: contents and codes. */
  readonly refused: readonly string[]
}

export async function run(
  plan: SimulationPlan<OutboxOperation>,
  options: SimulatedOutboxOptions = {},
): Promise<CheckedRun> {
  const world = new OutboxWorld()
  try {
    const result = await simulate(plan, {
      system: { start: (process) => startOutbox(process, world, options) },
      watch: watchHeadChain((key) => key === HEAD, decodeLink),
      isWorking: hasWork,
    })
    const violations = await checkOutbox(result, world)
    const problems = violations.map(({ property, message }) => `${property}: ${message}`)
    const refused = world.refused.map(({ code, contents }) => `${contents.join()} ${code}`)
    return { result, world, problems, refused }
  } finally {
    await world.close()
  }
}

/** The records of the namespace in the end, by id. */
export function held({ result }: CheckedRun): Readonly<Record<string, string>> {
  const bytes = result.store.current(HEAD)?.bytes
  if (bytes === undefined) return {}
  const { records } = decodeVersion(bytes, result.store)
  return Object.fromEntries(Array.from(records, ([id, { content }]) => [id, content]))
}
