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

export function exitCodeOf(error: unknown): ExitCode {
  return (isUmbraError(error) ? OF_ERROR[error.code] : undefined) ?? EXIT_CODES.failed
}
