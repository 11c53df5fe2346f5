import { recordOperations, simulationPlans, watchHeadChain } from '@umbra/core/testing'
import type { AssertSimulationsOptions, PlanConstraints } from '@umbra/core/testing'
import { decodeLink, HEAD } from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import { checkOutbox } from './check-outbox.fixture.ts'
import { OutboxWorld } from './outbox-world.fixture.ts'
import { startOutbox } from './simulated-outbox.fixture.ts'
import type { OutboxOperation, OutboxTask, SimulatedOutboxOptions } from './simulated-outbox.fixture.ts'

export interface OutboxSimulation extends SimulatedOutboxOptions {
  readonly tasks?: readonly Exclude<OutboxTask, 'drain'>[]
  readonly kinds?: readonly ('create' | 'update' | 'delete' | 'batch')[]
  readonly plans?: Partial<PlanConstraints<OutboxOperation>>
}

/** Somewhere in each operation: opening, queueing, sending, recording. */
export const KILLS = [1, 2, 3, 5, 8, 13, 21].map((n) => `kill-${n}` as const)

/** Of all the plans of the tests none takes 2,500. */
const MAX_STEPS = 10_000

/** Applications with an outbox each, on faulty networks and a faulty store, killed at requests and at SQL statements. */
export function simulateOutbox(
  options: OutboxSimulation = {},
): Omit<AssertSimulationsOptions<OutboxOperation>, 'runs'> {
  const { tasks = ['wait', 'wait', ...KILLS], kinds = ['create', 'update', 'delete', 'batch'] } = options
  let world = new OutboxWorld()
  return {
    plans: simulationPlans<OutboxOperation>({
      operations: recordOperations({ kinds, maintenance: tasks }),
      targets: [HEAD],
      maxProcesses: 2,
      maxOperations: 8,
      epilogue: [{ kind: 'maintain', task: 'drain' }],
      ...options.plans,
    }),
    simulation: () => {
      const fresh = new OutboxWorld()
      world = fresh
      return {
        system: { start: (process) => startOutbox(process, fresh, options) },
        watch: watchHeadChain((key) => key === HEAD, decodeLink),
        isWorking: hasWork,
        maxSteps: MAX_STEPS,
      }
    },
    check: async (result) => {
      try {
        return await checkOutbox(result, world)
      } finally {
        await world.close()
      }
    },
  }
}

/** Transactions wait for a turn of the event loop. */
export function hasWork(): boolean {
  return process.getActiveResourcesInfo().includes('Immediate')
}
