import { hasErrorCode, isUmbraError } from '@umbra/core'

/**
 * What a failure to send means for what was to be sent. `retry`: later it may work. `pause`: it works once somebody mends
 * credentials, settings or data; nothing is given up. `poison`: one of the operations can never be stored. `rename`: the
 * store cannot tell this writer's operations apart any more. `regressed`: the store was set back. `lost`: another process
 * sends it now.
 */
export type FailureClass = 'retry' | 'pause' | 'poison' | 'rename' | 'regressed' | 'lost'

export function classifyFailure(error: unknown): FailureClass {
  if (!isUmbraError(error)) return 'retry'
  switch (error.code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
    case 'CONFIGURATION':
    case 'UNSUPPORTED':
      return 'pause'
    case 'CORRUPT':
      return error.details['reason'] === 'outbox-row' ? 'poison' : 'pause'
    case 'TOO_LARGE':
    case 'INVALID_INPUT':
      return 'poison'
    case 'INTERNAL':
      // Otherwise it may have been applied, or failed at something that is nothing to do with it.
      return error.details['outcome'] === 'not-applied' ? 'poison' : 'retry'
    case 'CONFLICT':
      return classifyConflict(error.details['reason'])
    default:
      return 'retry'
  }
}

function classifyConflict(reason: unknown): FailureClass {
  if (reason === 'writer-cloned' || reason === 'writer-forgotten') return 'rename'
  if (reason === 'head-regressed') return 'regressed'
  if (reason === 'writer-superseded') return 'lost'
  return reason === 'outbox-body' ? 'poison' : 'retry'
}

/** Whether the store did not answer, as opposed to an answer that is no. */
export function isOutage(error: unknown): boolean {
  if (hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT')) return true
  return hasErrorCode(error, 'OUTCOME_PENDING') && (error.cause === undefined || isOutage(error.cause))
}

/** Whether the store does not let us in: also for a while, in an incident or while a change of credentials spreads. */
export function isRefusal(error: unknown): boolean {
  return hasErrorCode(error, 'UNAUTHENTICATED', 'FORBIDDEN')
}

/** Whether a reader gets nothing from the store just now, be it out of reach or closed to us. */
export function isClosedToReaders(error: unknown): boolean {
  return isOutage(error) || isRefusal(error)
}
