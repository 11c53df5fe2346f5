import { Argument, Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { renderCompletion, SHELLS } from '../output/render-completion.ts'
import type { Shell } from '../output/render-completion.ts'

/** `umbra completion`: a script for the shell, made from the command tree. */
export function createCompletionCommand({ stdout }: CliContext, program: Command): Command {
  return new Command('completion')
    .description('print a script that completes commands and options: source <(umbra completion bash)')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => void stdout.write(renderCompletion(shell, program)))
}
