import type { ErrorCode } from '@umbra/core'

/** The HTTP status each error code is answered with; a code without a status does not compile. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PRECONDITION_FAILED: 412,
  CONFLICT: 409,
  TOO_LARGE: 413,
  UNSUPPORTED: 501,
  CONFIGURATION: 500,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
  // The gateway's own words: no timely answer, so nobody knows.
  OUTCOME_PENDING: 504,
  OUTBOX_FULL: 503,
  RATE_LIMITED: 429,
  CORRUPT: 500,
  INTERNAL: 500,
}
