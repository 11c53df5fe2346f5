import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { isUmbraError, parseSettings } from '@umbra/core'
import type { WorkerEvent } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import { runWriteLoop } from '../../../r2/src/kill-rounds/write-loop.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import type { ApplicationTask } from './application-program.fixture.ts'
import { runBlobLoop } from './blob-loop.fixture.ts'

/** An application, opened as one opens it: from its environment. Writes until it is killed. */

// Written synchronously: what has been printed survives a kill in the next moment.
const print = (event: WorkerEvent): void => void writeSync(1, `${JSON.stringify(event)}\n`)

const [taskText = ''] = process.argv.slice(2)
// What the test has just written itself.
const task = JSON.parse(taskText) as ApplicationTask

// The input ends when the parent is gone, however it went.
process.stdin.on('end', () => process.exit(0)).resume()

let drawn = 0
/** The same decisions for the same name; how they interleave is up to the machine. */
const random = (): number =>
  createHash('md5').update(`${task.name}:${drawn++}`).digest().readUInt32BE() / 2 ** 32

try {
  const settings = parseSettings(task.environment)
  // An outage of a second or two must be one: not so short that writes wait it out, nor so long that nothing drains.
  const outbox = {
    recoveryJitterMs: 50,
    breakMs: 20,
    maxBreakMs: 200,
    onlineTimeoutMs: 1_000,
    pausedRetryMs: 100,
  }
  const storage = await createStorageManager(settings, { outbox })
  print({ event: 'ready' })
  await Promise.all([
    ...Array.from({ length: task.loops }, (_, loop) =>
      runWriteLoop({ storage, task, print, random, name: `${task.name}.${loop}` }),
    ),
    runBlobLoop({ storage, task, print, random, name: `${task.name}.blobs` }),
  ])
} catch (error) {
  if (!isUmbraError(error) || !error.retryable) throw error
  print({ event: 'not-started', code: error.code })
  process.exit(0)
}
