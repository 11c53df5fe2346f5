import { hasErrorCode, isUmbraError } from '@umbra/core'

/**
 * Whether a request that failed like this may have been applied, or may yet be. A refusal by the store speaks only of the
 * copy it answers: a request that was doubled on its way may have landed before, or land later.
 */
export function mayHaveLanded(error: unknown): boolean {
  return !isUmbraError(error) || error.details['outcome'] !== 'not-applied' || isAnswer(error)
}

/** Whether the store has answered, with a refusal. */
export function isAnswer(error: unknown): boolean {
  return isUmbraError(error) && !hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT')
}
