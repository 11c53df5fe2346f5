import { UmbraError } from '@umbra/core'
import type { CliContext } from './cli-context.ts'
import { drainOutbox } from './drain-outbox.ts'
import { withOutbox, withSender } from './outbox-file.ts'

/** As long as `importData` waits. */
const TIMEOUT_MS = 10_000

/**
 * Waits until what was pending in this machine's outbox when it was called is stored, so that what goes past the outbox cannot take the
 * place of a write that was acknowledged before it.
 *
 * @throws `UNAVAILABLE` when something of it is still pending after that time
 */
export async function settleOutbox(context: CliContext): Promise<void> {
  const { clock, env } = context
  const startedAt = clock.now()
  const countWaiting = () =>
    withOutbox(env, async (outbox) => {
      const waiting = (outbox?.backlog() ?? []).filter(({ oldestAt }) => oldestAt <= startedAt)
      return waiting.reduce((sum, { count }) => sum + count, 0)
    })
  if ((await countWaiting()) === 0) return
  await withSender(env, (storage) => drainOutbox(context, storage, TIMEOUT_MS))
  const pending = await countWaiting()
  if (pending === 0) return
  throw new UmbraError('UNAVAILABLE', `writes wait in the outbox; run umbra sync first. pending=${pending}`, {
    details: { pending },
  })
}
