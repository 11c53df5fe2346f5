import { hasErrorCode, UmbraError } from '@umbra/core'

/** For a failure of what goes before a write: it may be open what became of that, but not what became of the write. */
export function notTried(failure: unknown): unknown {
  if (!hasErrorCode(failure, 'OUTCOME_PENDING')) return failure
  return new UmbraError('UNAVAILABLE', 'r2 did not answer before the write was tried; try again', {
    cause: failure,
    details: { outcome: 'not-applied' },
  })
}
