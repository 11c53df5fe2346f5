import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { COMMANDS } from './command-list.ts'
import { createCompletionCommand } from './commands/completion.ts'

/** The command tree. `finish` takes the exit code of a command that has ended without an error. */
export function createProgram(context: CliContext, finish: (exitCode: number) => void): Command {
  const program = new Command('umbra')
    .description('Application records in Cloudflare R2 or SQLite. Settings come from the environment.')
    .version('0.1.0')
    .showHelpAfterError('(umbra help shows the commands)')
  for (const create of COMMANDS) program.addCommand(create(context, finish))
  program.addCommand(createCompletionCommand(context, program))
  return program
}
