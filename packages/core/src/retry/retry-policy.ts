export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number
  /** Upper bound of the first delay, milliseconds. */
  readonly baseDelayMs: number
  /** Upper bound of every delay, milliseconds. */
  readonly maxDelayMs: number
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = { maxAttempts: 5, baseDelayMs: 50, maxDelayMs: 5_000 }

/**
 * Exponential backoff with full jitter: a delay drawn evenly from 0 to `min(max, base * 2^(attempt-1))`.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param attempt - the attempt that just failed, counted from 1
 * @param random - in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** Math.min(attempt - 1, 30))
  return Math.floor(random * ceiling)
}
