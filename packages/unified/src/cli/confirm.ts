import { createInterface } from 'node:readline/promises'
import { UmbraError } from '@umbra/core'
import type { CliContext } from './cli-context.ts'

/**
 * Asks before something is destroyed. Resolves to whether to go on.
 *
 * @throws `INVALID_INPUT` when there is nobody to ask and `--yes` was not given
 */
export async function confirm(
  context: CliContext,
  question: string,
  options: { readonly yes?: true },
): Promise<boolean> {
  if (options.yes === true) return true
  if (context.stdin.isTTY !== true || context.stderr.isTTY !== true) {
    throw new UmbraError('INVALID_INPUT', `${question} There is no terminal to ask on; give --yes to agree.`)
  }
  const prompt = createInterface({ input: context.stdin, output: context.stderr })
  try {
    const answer = await prompt.question(`${question} [y/N] `, { signal: context.signal })
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    prompt.close()
  }
}
