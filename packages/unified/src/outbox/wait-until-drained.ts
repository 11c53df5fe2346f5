import type { Clock, SyncOptions } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'
import { backlogDepth } from './backlog-depth.ts'
import type { Drainer } from './drainer.ts'
import type { KnownLanes } from './known-lanes.ts'

/** Between two looks: other processes may drain as well, and they do not tell. */
const LOOK_MS = 20

/** Hurries the drainer, and waits until the outbox is empty, the time is over or `closing` is aborted. Resolves to what is left. */
export async function waitUntilDrained(
  parts: {
    readonly outbox: Outbox
    readonly drainer: Drainer
    readonly clock: Clock
    readonly lanes: KnownLanes
  },
  { timeoutMs = Infinity }: SyncOptions = {},
  closing?: AbortSignal,
): Promise<{ readonly pending: number }> {
  const { outbox, drainer, clock, lanes } = parts
  const depth = () => backlogDepth(outbox.backlog())
  // What was refused may be about to be queued again.
  const isSending = () => lanes.running().length > 0
  let waitedMs = 0
  for (let pending = depth(); pending > 0 || isSending(); pending = depth()) {
    if (waitedMs >= timeoutMs || closing?.aborted === true) return { pending: Math.max(pending, 1) }
    // Once in a while again: a store that comes back is then used at once.
    if (waitedMs % (LOOK_MS * 10) === 0) drainer.hurry()
    await clock.sleep(LOOK_MS)
    waitedMs += LOOK_MS
  }
  return { pending: 0 }
}
