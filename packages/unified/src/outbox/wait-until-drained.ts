import type { Clock, InFlight, SyncOptions } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'
import { backlogDepth } from './backlog-depth.ts'
import type { Drainer } from './drainer.ts'

/** Between two looks: other processes may drain as well, and they do not tell. */
const LOOK_MS = 20

/** Hurries the drainer, and waits until the outbox is empty, the time is over or `closing` is aborted. Resolves to what is left. */
export async function waitUntilDrained(
  parts: {
    readonly outbox: Outbox
    readonly drainer: Drainer
    readonly clock: Clock
    /** Refusals that may be queued again. */
    readonly refusals: InFlight
  },
  { timeoutMs = Infinity }: SyncOptions = {},
  closing?: AbortSignal,
): Promise<{ readonly pending: number }> {
  const { outbox, drainer, clock, refusals } = parts
  const depth = () => backlogDepth(outbox.backlog())
  let waitedMs = 0
  for (let pending = depth(); pending > 0 || refusals.size > 0; pending = depth()) {
    if (waitedMs >= timeoutMs || closing?.aborted === true) return { pending }
    // Once in a while again: a store that comes back is then used at once.
    if (waitedMs % (LOOK_MS * 10) === 0) drainer.hurry()
    await clock.sleep(LOOK_MS)
    waitedMs += LOOK_MS
  }
  return { pending: 0 }
}
