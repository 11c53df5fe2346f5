import type { CliContext } from '../cli-context.ts'

/** Prints a command's result: one JSON document when that was asked for, else what `text` says. */
export function printResult(
  { stdout }: Pick<CliContext, 'stdout'>,
  options: { readonly json?: true },
  result: { readonly document: unknown; readonly text: () => string },
): void {
  stdout.write(options.json === true ? `${JSON.stringify(result.document, null, 2)}\n` : result.text())
}
