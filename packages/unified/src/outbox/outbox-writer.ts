import type { BlobWrite, Appended, Lane } from '@umbra/sqlite'
import type { ManifestEntry, Mutation } from '@umbra/core'
import type { Dispatcher } from './dispatcher.ts'
import type { Drainer } from './drainer.ts'
import type { KnownLanes } from './known-lanes.ts'
import { probeLane } from './probe-lane.ts'
import type { SendContext } from './send-context.ts'

/** From this part of its limit on, the outbox takes writes more slowly. */
const SLOW_FROM = 0.8
const SLOWEST_MS = 1_000

export interface Written {
  readonly kind: 'committed' | 'pending'
  readonly appended: Appended
  /** What the store said it made of it, when it was asked for it just now. */
  readonly entries: readonly ManifestEntry[] | undefined
}

export interface OutboxWriter {
  /**
   * Queues a write, and waits for the store while it can be reached. `checkAway` runs first when it cannot.
   *
   * @throws what the store refuses it with, `OUTBOX_FULL`, what conflicts with what is pending, and what `checkAway` throws.
   */
  write(
    lane: Lane,
    write: { readonly mutations: readonly Mutation[] } | { readonly blob: BlobWrite },
    checkAway?: () => Promise<void>,
  ): Promise<Written>
}

export function createOutboxWriter(
  context: SendContext,
  parts: { readonly lanes: KnownLanes; readonly dispatcher: Dispatcher; readonly drainer: Drainer },
): OutboxWriter {
  const { outbox, breaker, clock, policy } = context
  const { lanes, dispatcher, drainer } = parts

  async function slowDown(): Promise<void> {
    const { bytes, maxBytes } = outbox.usage()
    const over = bytes / maxBytes - SLOW_FROM
    if (over > 0) await clock.sleep(Math.ceil(Math.min(over / (1 - SLOW_FROM), 1) * SLOWEST_MS))
  }

  /** For no longer than a write waits for the store. */
  async function probe(lane: Lane): Promise<void> {
    const limit = new AbortController()
    const tooLong = clock.sleep(policy.onlineTimeoutMs, limit.signal).catch(() => undefined)
    await Promise.race([probeLane(context, lane), tooLong])
    limit.abort()
  }

  function isDirect({ path }: Lane): boolean {
    if (breaker.state !== 'closed' || lanes.pausedBy(path) !== undefined) return false
    return !drainer.isHeldBack || !outbox.backlog().some(({ lane }) => lane.path === path)
  }

  return {
    async write(lane, write, checkAway) {
      await slowDown()
      // Not by the write itself: those that wait beside it could not be told that they conflict with it.
      if (breaker.state === 'open' && breaker.passable) await probe(lane)
      if (!isDirect(lane)) {
        await checkAway?.()
        const appended = await outbox.append(lane, write, 'pending')
        drainer.wake()
        return { kind: 'pending', appended, entries: undefined }
      }
      const appended = await outbox.append(lane, write, 'trying')
      const delivery = await dispatcher.deliver(lane, appended)
      if (delivery.kind === 'conflict' || delivery.kind === 'dead') throw delivery.error
      const entries = delivery.kind === 'committed' ? delivery.entries : undefined
      return { kind: delivery.kind, appended, entries }
    },
  }
}
