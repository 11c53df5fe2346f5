import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleProgram } from './bundle-program.fixture.ts'
import type { BundledProgram } from './bundle-program.fixture.ts'
import type { WorkerEvent, WorkerTask } from './worker-event.fixture.ts'

export interface WorkerProcess {
  /** Whether it has got as far as writing. */
  isReady(): boolean
  /** SIGKILL; resolves once everything it has printed was heard. */
  kill(): Promise<void>
}

export interface WorkerProgram<Task = WorkerTask> {
  /** Runs a task; `hear` is called for every line, and for an end that nobody asked for. */
  start(task: Task, hear: (event: WorkerEvent) => void): WorkerProcess
  /** Removes the program. */
  remove(): Promise<void>
}

interface NamedTask {
  readonly name: string
}

/** The worker that writes to R2 and to nothing else. */
export async function buildWorker(): Promise<WorkerProgram> {
  return toWorkerProgram(await bundleProgram(join(import.meta.dirname, 'worker.fixture.ts')))
}

export function toWorkerProgram<Task extends NamedTask>(program: BundledProgram): WorkerProgram<Task> {
  return { start: (task, hear) => startWorker(program.path, task, hear), remove: () => program.remove() }
}

function startWorker(program: string, task: NamedTask, hear: (event: WorkerEvent) => void): WorkerProcess {
  const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
  // The input stays open as long as this process lives: the worker ends with it.
  const child = spawn(process.execPath, [program, JSON.stringify(task)], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  let isReady = false
  let hasEndedItself = false
  child.stdin.on('error', () => {})
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parseEvent(line)
    // The last line of a killed process may be cut short.
    if (event === undefined) return
    isReady ||= event.event === 'ready'
    hasEndedItself ||= event.event === 'not-started'
    hear(event)
  })
  const closed = once(child, 'close')
  child.once('close', () => {
    if (child.signalCode === 'SIGKILL' || hasEndedItself) return
    hear({ event: 'violation', text: `${task.name} ended by itself: ${complaints.slice(-2_000)}` })
  })
  return {
    isReady: () => isReady,
    kill: async () => {
      child.kill('SIGKILL')
      await closed
    },
  }
}

function parseEvent(line: string): WorkerEvent | undefined {
  try {
    return JSON.parse(line) as WorkerEvent
  } catch {
    return undefined
  }
}
