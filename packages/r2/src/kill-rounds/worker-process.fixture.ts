import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
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

const DUCKDB = createRequire(import.meta.url).resolve('@duckdb/node-api')

interface NamedTask {
  readonly name: string
}

/** The worker that writes to R2 and to nothing else. */
export function buildWorker(): Promise<WorkerProgram> {
  return buildProgram(join(import.meta.dirname, 'worker.fixture.ts'))
}

export interface ProgramOptions {
  /** Modules that stay where they are, besides DuckDB: their paths, by the names they are imported under. */
  readonly natives?: Readonly<Record<string, string>>
  /** What the program looks for in the folder above its own: paths, by name. */
  readonly links?: Readonly<Record<string, string>>
}

/** One file with everything in it starts in 0.12 s; the sources through tsx take 0.4 s. */
export async function buildProgram<Task extends NamedTask>(
  entryPoint: string,
  { natives = {}, links = {} }: ProgramOptions = {},
): Promise<WorkerProgram<Task>> {
  const folder = await mkdtemp(join(tmpdir(), 'umbra-kill-rounds-'))
  const program = join(folder, 'bin', 'worker.mjs')
  for (const [name, path] of Object.entries(links)) await symlink(path, join(folder, name))
  await build({
    entryPoints: [entryPoint],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@umbra/source'],
    // Native, so they stay where they are.
    alias: { '@duckdb/node-api': DUCKDB, ...natives },
    external: [DUCKDB, ...Object.values(natives)],
    // The AWS client has parts that still ask for `require`.
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`,
    },
    logLevel: 'error',
  })
  return {
    start: (task, hear) => startWorker(program, task, hear),
    remove: () => rm(folder, { recursive: true }),
  }
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
