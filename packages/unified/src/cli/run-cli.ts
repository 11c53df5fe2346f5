import { isUmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'
import { CommanderError } from 'commander'
import type { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { createProgram } from './create-program.ts'
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
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
    const isUsage = error instanceof CommanderError
    if (isUsage && error.exitCode === 0) return EXIT_CODES.ok
    if (!isUsage) context.stderr.write(`umbra: ${describe(error, context)}\n`)
    const failedWith = isUsage ? EXIT_CODES.usage : exitCodeOf(error)
    if (wantsJson(words)) context.stdout.write(`${JSON.stringify(toDocument(error, failedWith), null, 2)}\n`)
    return failedWith
  }
}

/** Also of a command line that could not be parsed. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end === -1 ? words : words.slice(0, end)).includes('--json')
}

/** What a program that asked for JSON reads of a failure. */
function toDocument(error: unknown, exitCode: ExitCode) {
  const otherwise = exitCode === EXIT_CODES.usage ? 'INVALID_INPUT' : 'INTERNAL'
  const code: ErrorCode = isUmbraError(error) ? error.code : otherwise
  return { error: { code, message: error instanceof Error ? error.message : String(error) } }
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
