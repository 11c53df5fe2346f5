import { setTimeout as pause } from 'node:timers/promises'
import { hasErrorCode, isUmbraError } from '@umbra/core'
import type { NamespaceMaintenance } from '@umbra/core'
import type { WorkerEvent, WorkerTask } from './worker-event.fixture.ts'

export interface UpkeepLoop {
  readonly maintenance: NamespaceMaintenance
  readonly task: WorkerTask
  readonly print: (event: WorkerEvent) => void
  readonly random: () => number
}

/** Between two tries, milliseconds at most. */
const MAX_PAUSE_MS = 150

/** Merges the parts of one namespace or the other, beside the writes and beside other workers, until the process is killed. */
export async function runUpkeepLoop({ maintenance, task, print, random }: UpkeepLoop): Promise<never> {
  for (;;) {
    await pause(random() * MAX_PAUSE_MS)
    const namespace = task.namespaces[Math.floor(random() * task.namespaces.length)]
    if (namespace === undefined) throw new Error('a worker needs a namespace')
    try {
      await maintenance.compact(namespace)
    } catch (error) {
      // On a bad network it may fail, but never because of what it has found.
      if (isUmbraError(error) && !hasErrorCode(error, 'CORRUPT', 'INTERNAL', 'CONFIGURATION')) continue
      print({ event: 'violation', text: `${task.name} could not merge: ${String(error)}` })
    }
  }
}
