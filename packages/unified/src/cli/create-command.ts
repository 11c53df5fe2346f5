import { Command, InvalidArgumentError } from 'commander'
import type { CliContext } from './cli-context.ts'
import type { ExitCode } from './exit-codes.ts'

/** Builds one command. It calls `finish` with its exit code unless that is 0, and throws what goes wrong. */
export type CreateCommand = (context: CliContext, finish: (exitCode: ExitCode) => void) => Command

/** A command of `umbra`, which prints for people, or with `--json` one document. */
export function createCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print one JSON document instead of text')
}

/** For an option or argument that is a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,12}$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** For an option that is a moment; the result is ISO 8601, UTC. */
export function moment(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}(?:T.*(?:Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : undefined
  if (date !== undefined && !Number.isNaN(date.getTime())) return date.toISOString()
  throw new InvalidArgumentError('It must be a day such as 2026-01-31, or an ISO 8601 time with a zone.')
}

/** Options that were not given are left out, so that they do not hide defaults. */
export function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  // Only undefined values are gone.
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }
}
