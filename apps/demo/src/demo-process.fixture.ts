import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@umbra/core'

export interface DemoRun {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  /** Names of what it left in its temporary folder and its home. */
  readonly leftFiles: readonly string[]
  /** Whether any process it started is still running. */
  readonly leftProcesses: boolean
}

export interface DemoRunOptions {
  readonly env?: Environment
  /** Called with everything printed so far. */
  readonly onOutput?: (stdout: string, demo: ChildProcess) => void
}

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** What is removed right after the process ended, by the guard of its local server, gets this long. */
const GRACE_MS = 3_000

/** Runs the demo as its own process in a process group and folders of its own, and looks at what remains. */
export async function runDemo(words: readonly string[], options: DemoRunOptions = {}): Promise<DemoRun> {
  const folder = await mkdtemp(join(tmpdir(), 'umbra-demo-test-'))
  const demo = spawn(process.execPath, ['--import', 'tsx', '--conditions=@umbra/source', MAIN, ...words], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, TSX_DISABLE_CACHE: '1', ...options.env },
  })
  let stdout = ''
  let stderr = ''
  demo.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    options.onOutput?.(stdout, demo)
  })
  demo.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  try {
    const exitCode = await new Promise<number | null>((resolve) => demo.once('close', resolve))
    return { exitCode, stdout, stderr, ...(await remains(folder, demo.pid)) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Looks until nothing remains, or the grace is over. */
async function remains(
  folder: string,
  pid: number | undefined,
): Promise<Pick<DemoRun, 'leftFiles' | 'leftProcesses'>> {
  const deadline = Date.now() + GRACE_MS
  for (;;) {
    // What tsx itself keeps there is not the demo's.
    const leftFiles = (await readdir(folder)).filter((name) => !name.startsWith('tsx-'))
    const leftProcesses = isGroupAlive(pid)
    const nothing = leftFiles.length === 0 && !leftProcesses
    if (nothing || Date.now() > deadline) return { leftFiles, leftProcesses }
    await sleep(50)
  }
}

function isGroupAlive(pid: number | undefined): boolean {
  try {
    return process.kill(-(pid ?? 0), 0)
  } catch {
    return false
  }
}
