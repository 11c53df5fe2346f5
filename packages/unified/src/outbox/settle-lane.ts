import { UmbraError } from '@umbra/core'
import type { ErrorDetails } from '@umbra/core'
import type { Drainer } from './drainer.ts'
import type { KnownLanes } from './known-lanes.ts'
import type { SendContext } from './send-context.ts'

/** Between two looks: other processes may send as well, and they do not tell. */
const LOOK_MS = 50

export interface LaneSettlerParts {
  readonly context: SendContext
  readonly lanes: KnownLanes
  readonly drainer: Drainer
}

/**
 * Waits until `isPending` says no, as long as a write would wait for the store; what is pending is hurried. A store that is left alone
 * for a while, or that refuses the credentials, is not waited for.
 *
 * @throws `UNAVAILABLE` with what `waits` says then as the message and `details.pending` when something still is.
 */
export async function settleLane(
  { context, lanes, drainer }: LaneSettlerParts,
  path: string,
  request: {
    readonly isPending: () => boolean
    readonly waits: () => string
    readonly details?: ErrorDetails
  },
): Promise<void> {
  const { breaker, clock, policy } = context
  for (let waitedMs = 0; request.isPending(); waitedMs += LOOK_MS) {
    const paused = lanes.pausedBy(path)
    const isAway = breaker.state === 'open' && !breaker.passable
    if (isAway || paused !== undefined || waitedMs >= policy.onlineTimeoutMs)
      throw new UmbraError('UNAVAILABLE', request.waits(), {
        ...(paused && { cause: paused }),
        details: { ...request.details, pending: context.outbox.pendingEntries(path).size },
      })
    if (waitedMs === 0) drainer.hurry()
    await clock.sleep(LOOK_MS)
  }
}
