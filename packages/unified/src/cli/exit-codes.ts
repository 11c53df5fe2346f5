import { isUmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'

/** What the exit code of `umbra` says; see docs/cli.md. */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2, differences: 3, unavailable: 4 } as const

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

const OF_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  INVALID_INPUT: EXIT_CODES.usage,
  CONFIGURATION: EXIT_CODES.usage,
  ALREADY_EXISTS: EXIT_CODES.differences,
  PRECONDITION_FAILED: EXIT_CODES.differences,
  CONFLICT: EXIT_CODES.differences,
  UNAVAILABLE: EXIT_CODES.unavailable,
  TIMEOUT: EXIT_CODES.unavailable,
  RATE_LIMITED: EXIT_CODES.unavailable,
}

/** A file or folder that was named and is not there, is there already, is the other of both, or is not ours. */
const OF_FILES: ReadonlySet<unknown> = new Set(['ENOENT', 'EEXIST', 'EISDIR', 'ENOTDIR', 'EACCES', 'EPERM'])

export function exitCodeOf(error: unknown): ExitCode {
  if (isUmbraError(error)) return OF_ERROR[error.code] ?? EXIT_CODES.failed
  const isOfFile = error instanceof Error && 'code' in error && OF_FILES.has(error.code)
  return isOfFile ? EXIT_CODES.usage : EXIT_CODES.failed
}
