import { isUmbraError } from '@umbra/core'
import { CommanderError } from 'commander'
import type { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { createProgram } from './create-program.ts'
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts'
import { displayable } from './output/render-table.ts'

/** Runs one command line and resolves to its exit code. Never rejects: what goes wrong is said on stderr. */
export async function runCli(words: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = EXIT_CODES.ok
  const program = createProgram(context, (code) => (exitCode = code))
  configure(program, context)
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    // Help and version end this way too, with exit code 0; everything else commander says is about usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage
    context.stderr.write(`umbra: ${describe(error, context)}\n`)
    return exitCodeOf(error)
  }
}

/** Subcommands do not inherit this when they were built on their own. */
function configure(command: Command, context: CliContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void context.stdout.write(text),
    writeErr: (text) => void context.stderr.write(text),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  })
  for (const child of command.commands) configure(child, context)
}

function describe(error: unknown, { signal }: CliContext): string {
  if (signal.aborted) return 'interrupted; what was done stays, and running it again goes on from there'
  if (isUmbraError(error)) return displayable(`${error.code}: ${error.message}`)
  return displayable(error instanceof Error ? error.message : String(error))
}
