import { retryDelayMs } from '@umbra/core'
import type { LaneState } from './lane-state.ts'
import type { SendContext } from './send-context.ts'

/** How long a lane waits while another process sends it, milliseconds. */
export const TAKEN_RETRY_MS = 200

/** The longest that a lane ever waits, milliseconds. */
export function longestRetryMs({ maxBreakMs, pausedRetryMs }: SendContext['policy']): number {
  return Math.max(maxBreakMs, pausedRetryMs, TAKEN_RETRY_MS)
}

/** How long a lane waits after a failure, milliseconds. */
export function retryDelayOf(
  { failures, paused }: LaneState,
  { policy, ids }: Pick<SendContext, 'policy' | 'ids'>,
): number {
  if (paused !== undefined) return policy.pausedRetryMs
  const delays = { maxAttempts: Infinity, baseDelayMs: policy.breakMs, maxDelayMs: policy.maxBreakMs }
  return retryDelayMs(delays, Math.max(failures, 1), ids.random())
}
