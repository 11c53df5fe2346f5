import type { Clock } from '../clock.ts'
import { isUmbraError } from '../errors/umbra-error.ts'
import type { IdSource } from '../id-source.ts'
import { retryDelayMs } from './retry-policy.ts'
import type { RetryPolicy } from './retry-policy.ts'

export interface RetryContext {
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly random: IdSource['random']
  /** Default: the error's own `retryable`. */
  readonly shouldRetry?: (error: unknown) => boolean
}

/** Runs a repeatable operation again while its error says so; rejects with the last error. */
export async function withRetry<T>(
  operation: (attempt: number) => Promise<T>,
  context: RetryContext,
): Promise<T> {
  const shouldRetry = context.shouldRetry ?? ((error) => isUmbraError(error) && error.retryable)
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation(attempt)
    } catch (error) {
      if (attempt >= context.policy.maxAttempts || !shouldRetry(error)) throw error
      await context.clock.sleep(retryDelayMs(context.policy, attempt, context.random()))
    }
  }
}
