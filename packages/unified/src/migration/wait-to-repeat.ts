import { hasErrorCode, isUmbraError, retryDelayMs } from '@umbra/core'
import type { MigrationContext } from './migration-context.ts'

/** Tries of a commit the target did not take. Each means another writer in it, or a store that does not answer. */
export const MAX_TRIES = 8

const RETRY_POLICY = { maxAttempts: MAX_TRIES, baseDelayMs: 200, maxDelayMs: 10_000 }

/**
 * Before a commit is tried again that failed like this.
 *
 * @throws the failure when it was the last try, or another one would be of no use.
 */
export async function waitToRepeat(
  { clock, signal }: Pick<MigrationContext, 'clock' | 'signal'>,
  error: unknown,
  tries: number,
): Promise<void> {
  if (tries >= MAX_TRIES || !mayBeRepeated(error)) throw error
  if (!isRefused(error)) await clock.sleep(retryDelayMs(RETRY_POLICY, tries, 1), signal)
}

/** Another writer was faster: there is nothing to wait for. */
export function isRefused(error: unknown): boolean {
  return hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')
}

/** Either it was rejected, or repeating it does no harm: what landed is refused as not older, or gone. */
function mayBeRepeated(error: unknown): boolean {
  return (
    isRefused(error) || hasErrorCode(error, 'OUTCOME_PENDING') || (isUmbraError(error) && error.retryable)
  )
}
