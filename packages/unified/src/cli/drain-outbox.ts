import type { StorageManager, UmbraError } from '@umbra/core'
import { classifyFailure } from '../outbox/classify-failure.ts'
import type { CliContext } from './cli-context.ts'
import { formatCount } from './output/format-quantity.ts'
import { createStatusLine } from './output/status-line.ts'

/** Between two looks at how far it is and at whether somebody interrupts. */
const LOOK_MS = 250

/**
 * Waits until nothing is pending, or the time is over, and shows how far it is. Resolves to what is left.
 *
 * @throws why nothing can be sent when waiting would not change it: refused credentials, a bucket that is not there.
 */
export async function drainOutbox(
  context: CliContext,
  storage: StorageManager,
  timeoutMs: number,
): Promise<number> {
  const { clock, signal, stderr } = context
  const endsAt = clock.now() + timeoutMs
  const line = createStatusLine(stderr, clock)
  let reason: UmbraError | undefined
  const stop = storage.on('degraded', (about) => (reason = about.reason))
  try {
    let { pending } = await storage.sync({ timeoutMs: 0 })
    const total = pending
    while (pending > 0) {
      signal.throwIfAborted()
      if (classifyFailure(reason) === 'pause') throw reason
      const leftMs = endsAt - clock.now()
      if (leftMs <= 0) break
      ;({ pending } = await storage.sync({ timeoutMs: Math.min(leftMs, LOOK_MS) }))
      const isAway = reason === undefined ? '' : ', r2 does not answer'
      line.show(
        () => `${formatCount(Math.max(total - pending, 0))} sent, ${formatCount(pending)} pending${isAway}`,
      )
    }
    return pending
  } finally {
    stop()
    line.clear()
  }
}
