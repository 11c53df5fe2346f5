import { ERROR_CODES } from './error-codes.ts'
import type { ErrorCode } from './error-codes.ts'

/** Facts about a failure, safe to log: never a secret, never a record's content. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface UmbraErrorOptions {
  readonly cause?: unknown
  readonly details?: ErrorDetails
}

/** Survives two copies of this package in one process, where `instanceof` does not. */
const BRAND = Symbol.for('umbra.error')

/**
 * The only error this library throws on purpose. Branch on {@link UmbraError.code}; the message is for people.
 */
export class UmbraError extends Error {
  override readonly name = 'UmbraError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly [BRAND] = true

  constructor(code: ErrorCode, message: string, options: UmbraErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }
}

export function isUmbraError(error: unknown): error is UmbraError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** Whether `error` is an {@link UmbraError} with one of the given codes. */
export function hasErrorCode(error: unknown, ...codes: readonly ErrorCode[]): error is UmbraError {
  return isUmbraError(error) && codes.includes(error.code)
}
