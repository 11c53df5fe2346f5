import type { LaneLease } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

/** Well before another process may take over. */
const RENEW_MS = 10_000

/**
 * Sends, and keeps the lease meanwhile: bodies may take minutes, and another process must not send the same at the same time
 * only because of that.
 */
export async function whileKeeping<T>(
  context: Pick<SendContext, 'outbox' | 'clock'>,
  lease: LaneLease,
  send: () => Promise<T>,
): Promise<T> {
  const sent = new AbortController()
  const kept = renewUntil(context, lease, sent.signal)
  try {
    return await send()
  } finally {
    sent.abort()
    // A renewal on its way would otherwise take the lease again after it was given back.
    await kept
  }
}

async function renewUntil(
  { outbox, clock }: Pick<SendContext, 'outbox' | 'clock'>,
  lease: LaneLease,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(RENEW_MS, signal)
      if (signal.aborted || !outbox.holds(lease)) return
      await outbox.lease(lease.lane)
    }
  } catch {
    // Aborted: it is sent. Or the file fails, which is met, and reported, when the outcome is recorded.
  }
}
