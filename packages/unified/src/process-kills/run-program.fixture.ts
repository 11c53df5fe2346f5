import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { BundledProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'
import type { StoppableR2 } from './stoppable-r2.fixture.ts'

/** A program that may kill itself, what it is told, and what it has acknowledged: of each record the last number. */
export interface ProgramRun {
  readonly program: BundledProgram
  readonly r2: StoppableR2
  readonly args: readonly string[]
  readonly acknowledged: Map<string, number>
}

/** Runs one process to its end; it prints `<id> <number>` for what it acknowledges. Null when it ended by itself. */
export async function runProgram({ program, r2, args, acknowledged }: ProgramRun): Promise<'SIGKILL' | null> {
  const settings = JSON.stringify(r2.server.settings)
  const child = spawn(process.execPath, [program.path, settings, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const [id = '', number] = line.split(' ')
    acknowledged.set(id, Number(number))
  }
  const [code, signal]: unknown[] = await exited
  if (signal === 'SIGKILL') return signal
  if (code !== 0) throw new Error(`the process failed with ${String(code)}`)
  return null
}
