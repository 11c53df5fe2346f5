import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createIdSource, isUmbraError, manageBackend } from '@umbra/core'
import { createR2Backend } from '../create-r2-backend.ts'
import { KILL_ROUND_LIMITS } from './kill-plan.fixture.ts'
import { runUpkeepLoop } from './upkeep-loop.fixture.ts'
import type { WorkerEvent, WorkerTask } from './worker-event.fixture.ts'
import { runWriteLoop } from './write-loop.fixture.ts'

/** One process of the kill rounds: writes until it is killed. */

// Written synchronously: what has been printed survives a kill in the next moment.
const print = (event: WorkerEvent): void => void writeSync(1, `${JSON.stringify(event)}\n`)

const [taskText = ''] = process.argv.slice(2)
const task = JSON.parse(taskText) as WorkerTask

// The input ends when the parent is gone, however it went.
process.stdin.on('end', () => process.exit(0)).resume()

const ids = createIdSource()
let drawn = 0
/** The same decisions for the same name; how they interleave is up to the machine. */
const random = (): number =>
  createHash('md5').update(`${task.name}:${drawn++}`).digest().readUInt32BE() / 2 ** 32

try {
  const retry = { maxAttempts: 8, baseDelayMs: 5, maxDelayMs: 200 }
  const backend = await createR2Backend(task.settings, { ids, retry, limits: KILL_ROUND_LIMITS })
  const storage = manageBackend(backend)
  print({ event: 'ready' })
  const { maintenance } = backend
  if (maintenance === undefined) throw new Error('the backend has no maintenance')
  await Promise.all([
    runUpkeepLoop({ maintenance, task, print, random }),
    ...Array.from({ length: task.loops }, (_, loop) =>
      runWriteLoop({ storage, task, print, random, name: `${task.name}.${loop}` }),
    ),
  ])
} catch (error) {
  if (!isUmbraError(error) || !error.retryable) throw error
  print({ event: 'not-started', code: error.code })
  process.exit(0)
}
