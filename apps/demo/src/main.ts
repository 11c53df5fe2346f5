import process from 'node:process'
import { isUmbraError } from '@umbra/core'
import { HELP, parseDemoArguments } from './arguments.ts'
import type { DemoCommand } from './arguments.ts'
import { createCleanup } from './cleanup.ts'
import { processEnvironment } from './env.ts'
import { interruption } from './interruption.ts'
import { createOutput } from './output/output.ts'
import { runOutage } from './outage/run-outage.ts'
import { runTour } from './tour.ts'

/** Resolves to the exit code. */
async function main(command: DemoCommand): Promise<number> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(HELP)
      return 0
    case 'wrong':
      process.stderr.write(`${command.problem}; see npm run demo -- --help\n`)
      return 2
    case 'run':
    case 'outage':
      return runAndCleanUp(command)
    default:
      return command satisfies never
  }
}

async function runAndCleanUp(command: Extract<DemoCommand, { kind: 'run' | 'outage' }>): Promise<number> {
  const env = processEnvironment()
  const cleanup = createCleanup()
  const out = createOutput(process.stdout)
  const interrupted = interruption(process)
  try {
    const tour =
      command.kind === 'outage' ? runOutage({ out, cleanup }) : runTour({ ...command, env, out, cleanup })
    return await Promise.race([tour.then(() => 0), interrupted])
  } catch (error) {
    out.stopProgress()
    process.stderr.write(`\nthe tour stops here. ${describeFailure(error)}\n`)
    return 1
  } finally {
    await cleanup.run()
  }
}

function describeFailure(error: unknown): string {
  if (isUmbraError(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

// Not just the exit code: after an interruption the abandoned tour may still hold the process.
process.exit(await main(parseDemoArguments(process.argv.slice(2))))
