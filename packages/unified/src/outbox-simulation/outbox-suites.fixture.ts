import { KILLS } from './outbox-simulation.fixture.ts'
import type { OutboxSimulation } from './outbox-simulation.fixture.ts'
import { poisoned } from './poisoned-store.fixture.ts'

export interface OutboxSuite {
  readonly name: string
  readonly simulation: OutboxSimulation
  /** How many of its plans a run of all tests tries. */
  readonly plans: number
}

/** What the random plans are divided into. */
export const OUTBOX_SUITES: readonly OutboxSuite[] = [
  { name: 'a file for each process', simulation: {}, plans: 70 },
  { name: 'two processes on one file', simulation: { sharesFile: true }, plans: 50 },
  {
    name: 'three processes on one file that change the same records',
    simulation: {
      sharesFile: true,
      kinds: ['create', 'update', 'update'],
      tasks: ['wait'],
      plans: { maxOperations: 14, maxProcesses: 3 },
    },
    plans: 40,
  },
  {
    name: 'copied files',
    simulation: { freshIds: true, tasks: ['wait', 'clone', ...KILLS] },
    plans: 40,
  },
  {
    name: 'restored files',
    simulation: { freshIds: true, tasks: ['wait', 'back-up', 'back-up', 'restore', 'restore'] },
    plans: 50,
  },
  {
    name: 'a write that can never be stored',
    simulation: { seams: { primary: poisoned }, tasks: ['wait'] },
    plans: 30,
  },
]
