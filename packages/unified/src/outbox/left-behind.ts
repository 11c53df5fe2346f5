import { isUmbraError } from '@umbra/core'
import type { Drainer } from './drainer.ts'
import type { SendContext } from './send-context.ts'

/** Between two looks. */
const LOOK_MS = 5_000

/** Whoever queued it and lives has tried to send it by then. */
const LEFT_AFTER_MS = 30_000

/**
 * Looks once in a while for what nobody sends: its process has ended, and the others have nothing pending themselves, which
 * alone keeps their drainers going. Called whenever the storage is used, so that no timer keeps an idle process from ending.
 */
export function watchForLeftBehind(
  { outbox, clock }: Pick<SendContext, 'outbox' | 'clock'>,
  drainer: Pick<Drainer, 'wake'>,
): () => void {
  let lookedAt = clock.now()
  return () => {
    const now = clock.now()
    if (Math.abs(now - lookedAt) < LOOK_MS) return
    lookedAt = now
    try {
      if (outbox.backlog().some(({ oldestAt }) => now - oldestAt >= LEFT_AFTER_MS)) drainer.wake()
    } catch (error) {
      // The file fails, which is for those to say who need it just now.
      if (!isUmbraError(error)) throw error
    }
  }
}
