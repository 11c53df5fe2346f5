import { retryDelayMs } from '@umbra/core'
import type { LaneState } from './lane-state.ts'
import type { SendContext } from './send-context.ts'

/** How long a lane waits while another process sends it, milliseconds. */
export const TAKEN_RETRY_MS = 200

/** Up to so long a lane is left alone that another process took, milliseconds: at first, and after many times. */
const FIRST_LOST_PAUSE_MS = 200
const MAX_LOST_PAUSE_MS = 2_000

/** The longest that a lane waits until it is tried again, milliseconds. */
export function longestRetryMs({ maxBreakMs, pausedRetryMs }: SendContext['policy']): number {
  return Math.max(maxBreakMs, pausedRetryMs, TAKEN_RETRY_MS, MAX_LOST_PAUSE_MS)
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

/**
 * How long a sender leaves a lane alone that was taken from it, milliseconds: processes in containers that cannot see each other would
 * otherwise take it from each other before either has sent anything.
 *
 * @param losses - how often it was taken before, since the last outcome
 */
export function lostPauseOf(losses: number, { random }: SendContext['ids']): number {
  const pauses = { maxAttempts: Infinity, baseDelayMs: FIRST_LOST_PAUSE_MS, maxDelayMs: MAX_LOST_PAUSE_MS }
  return retryDelayMs(pauses, losses + 1, random())
}
