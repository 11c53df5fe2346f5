import { hasErrorCode, isUmbraError, mutationId, recordEtag, UmbraError } from '@umbra/core'
import type { Appended, Lane, OutboxWrite } from '@umbra/sqlite'
import type { ManifestEntry } from '@umbra/core'
import type { Dispatcher } from './dispatcher.ts'
import type { Drainer } from './drainer.ts'
import type { KnownLanes } from './known-lanes.ts'
import { probeLane } from './probe-lane.ts'
import type { SendContext } from './send-context.ts'

/** From this part of its limit on, the outbox takes writes more slowly. */
const SLOW_FROM = 0.8
const SLOWEST_MS = 1_000
/** Between two looks at what another caller has sent. */
const LOOK_MS = 5

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
  write(lane: Lane, write: OutboxWrite, checkAway?: () => Promise<void>): Promise<Written>
}

export function createOutboxWriter(
  context: SendContext,
  parts: { readonly lanes: KnownLanes; readonly dispatcher: Dispatcher; readonly drainer: Drainer },
): OutboxWriter {
  const { primary, outbox, breaker, clock, policy } = context
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

  /** A change over a version that another caller is changing waits for what becomes of that: one of them is to know. */
  async function append(lane: Lane, write: OutboxWrite, state: 'trying' | 'pending'): Promise<Appended> {
    try {
      return await outbox.append(lane, write, state)
    } catch (error) {
      const id = idOnItsWay(error)
      if (id === undefined && state === 'trying') return appendOverStored(lane, write, error)
      if (id === undefined) throw error
      await waitForOther(lane.path, id)
      return outbox.append(lane, write, state)
    }
  }

  async function waitForOther(path: string, id: string): Promise<void> {
    const other = outbox.onItsWay(path, id)
    if (other === undefined) return
    for (let waitedMs = 0; outbox.onItsWay(path, id) === other; waitedMs += LOOK_MS) {
      if (waitedMs >= policy.onlineTimeoutMs) throw tooLongOnItsWay(id)
      await clock.sleep(LOOK_MS)
    }
  }

  /** A store that was restored has again what this file says was replaced, which is noticed when something is sent to it. */
  async function appendOverStored(lane: Lane, write: OutboxWrite, refusal: unknown): Promise<Appended> {
    const isReplaced = hasErrorCode(refusal, 'PRECONDITION_FAILED', 'NOT_FOUND')
    if (!isReplaced || !(await isStored(lane, write))) throw refusal
    return outbox.append(lane, write, 'trying', true)
  }

  /** Whether the store has every version that is to be replaced. */
  async function isStored({ namespace }: Lane, write: OutboxWrite): Promise<boolean> {
    if (namespace === undefined || !('mutations' in write)) return false
    const replaced = write.mutations.filter(({ expect }) => expect.kind === 'etag')
    const stored = await Promise.all(
      replaced.map((one) => breaker.run(() => primary.getEntry(namespace, mutationId(one)))),
    ).catch(() => [])
    return replaced.every(({ expect }, index) => {
      const entry = stored[index]?.entry
      return entry !== undefined && expect.kind === 'etag' && recordEtag(entry) === expect.etag
    })
  }

  return {
    async write(lane, write, checkAway) {
      await slowDown()
      // Not by the write itself: those that wait beside it could not be told that they conflict with it.
      if (breaker.state === 'open' && breaker.passable) await probe(lane)
      if (!isDirect(lane)) {
        await checkAway?.()
        const appended = await append(lane, write, 'pending')
        drainer.wake()
        return { kind: 'pending', appended, entries: undefined }
      }
      const appended = await append(lane, write, 'trying')
      const delivery = await dispatcher.deliver(lane, appended)
      if (delivery.kind === 'conflict' || delivery.kind === 'dead') throw delivery.error
      const entries = delivery.kind === 'committed' ? delivery.entries : undefined
      return { kind: delivery.kind, appended, entries }
    },
  }
}

/** Of the record that another caller is changing. */
function idOnItsWay(error: unknown): string | undefined {
  if (!isUmbraError(error) || error.details['reason'] !== 'on-its-way') return undefined
  const { id } = error.details
  return typeof id === 'string' ? id : undefined
}

/** Its process may be frozen. */
function tooLongOnItsWay(id: string): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    `another write to the record is on its way, and its outcome is not known yet; try again later. id=${id}`,
    { details: { id } },
  )
}
