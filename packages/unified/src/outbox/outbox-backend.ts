import { createIdSource, isUmbraError, systemClock, UmbraError } from '@umbra/core'
import type {
  BackendHealth,
  Clock,
  IdSource,
  ManifestEntry,
  Namespace,
  OutboxHealth,
  PendingWrites,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import type { DecidedOperation, Outbox } from '@umbra/sqlite'
import { isSameRevision } from '../migration/decide-record.ts'
import { Alerts } from './alerts.ts'
import { backlogDepth } from './backlog-depth.ts'
import { Breaker } from './breaker.ts'
import { checkLastSeen } from './check-last-seen.ts'
import { isOutage } from './classify-failure.ts'
import { Dispatcher } from './dispatcher.ts'
import { Drainer } from './drainer.ts'
import { createEventHub } from './event-hub.ts'
import { KnownLanes } from './known-lanes.ts'
import { laneOf } from './lane-of.ts'
import type { LaneState } from './lane-state.ts'
import { LastSeen } from './last-seen.ts'
import { overwriteWhenLater } from './last-write-wins.ts'
import { watchForLeftBehind } from './left-behind.ts'
import { createOutboxBlobs } from './outbox-blobs.ts'
import { createOutboxImport } from './outbox-import.ts'
import { DEFAULT_OUTBOX_POLICY } from './outbox-policy.ts'
import type { OutboxPolicy } from './outbox-policy.ts'
import { createOutboxPurge } from './outbox-purge.ts'
import { createOutboxWriter } from './outbox-writer.ts'
import type { Written } from './outbox-writer.ts'
import { createOverlayInventory } from './overlay-inventory.ts'
import { createOverlayReads, inOutbox } from './overlay-reads.ts'
import { resolveConflict, toConflict } from './resolve-conflict.ts'
import type { SendContext } from './send-context.ts'
import { waitUntilDrained } from './wait-until-drained.ts'

export interface OutboxParts {
  /** The truth; must have `numbered`. */
  readonly primary: StorageBackend
  readonly outbox: Outbox
  readonly clock?: Clock
  readonly ids?: IdSource
  readonly policy?: Partial<OutboxPolicy>
  /**
   * Whether what the primary answers without asking the store has everything that any process on this outbox has sent, as
   * copies in one file do. Default: false.
   */
  readonly sharesLastSeen?: boolean
  /** Why the store could not be reached when it was opened. */
  readonly awayBecause?: UmbraError
}

/**
 * A store whose writes all go through an outbox first: while it can be reached, a write resolves when it is committed, else
 * as pending, and is applied exactly once when the store is back. Owns and closes both parts.
 */
export function createOutboxBackend(parts: OutboxParts): StorageBackend {
  const { primary, outbox, clock = systemClock, ids = createIdSource() } = parts
  const events = createEventHub({ degraded: () => alerts.standing() })
  const alerts: Alerts = new Alerts(events, () => backlogDepth(outbox.backlog()))
  const policy = { ...DEFAULT_OUTBOX_POLICY, ...parts.policy }
  const breaker: Breaker = new Breaker({
    clock,
    ids,
    policy,
    onOpen: (reason) => {
      drainer.onOutage()
      alerts.begin('store', reason)
    },
    onClose: () => {
      drainer.onRecovery()
      alerts.end('store')
    },
  })
  const lastSeen = new LastSeen(outbox, clock, parts.sharesLastSeen === true)
  const context: SendContext = { primary, lastSeen, outbox, breaker, events, alerts, policy, clock, ids }
  const lanes = new KnownLanes(() => outbox.backlog(), alerts)
  const dispatcher: Dispatcher = new Dispatcher(context, lanes, {
    onPending: () => drainer.wake(),
    onRefused: async (state, decided) => {
      // Whoever found it is still sending, and looks once more.
      if (await announce(context, state, decided)) void dispatcher.run(state)
    },
  })
  const drainer = new Drainer(context, lanes, dispatcher)
  const writer = createOutboxWriter(context, { lanes, dispatcher, drainer })
  const reads = createOverlayReads(context)
  const noteUse = watchForLeftBehind(context, drainer)
  const settling = { context, lanes, drainer }
  const pendingWrites: PendingWrites = {
    on: (...about) => events.on(...about),
    conflicts: async () => outbox.listed().map(toConflict),
    sync: (...about) => waitUntilDrained({ outbox, drainer, clock, lanes }, ...about),
    async resolve(id, action) {
      await resolveConflict(context, id, action)
      drainer.wake()
    },
  }
  if (parts.awayBecause !== undefined && isOutage(parts.awayBecause)) breaker.trip(parts.awayBecause)
  if (outbox.backlog().length > 0) drainer.wake()
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    await drainer.close()
    try {
      await primary.close()
    } finally {
      await outbox.close()
    }
  }

  return {
    name: primary.name,
    capabilities: primary.capabilities,
    uploads: primary.uploads,
    ...(primary.pins && { pins: primary.pins }),
    ...(primary.maintenance && { maintenance: primary.maintenance }),
    purge: createOutboxPurge(settling),
    ...(primary.inventory && { inventory: createOverlayInventory(primary.inventory, outbox) }),
    bulk: createOutboxImport(settling),
    blobs: createOutboxBlobs(context, writer, noteUse),
    pendingWrites,
    ...reads,

    getEntry(...about) {
      noteUse()
      return reads.getEntry(...about)
    },

    findEntries(...about) {
      noteUse()
      return reads.findEntries(...about)
    },

    async commit(namespace, mutations) {
      noteUse()
      const lane = laneOf(namespace)
      const written = await writer.write(lane, { mutations }, () =>
        checkLastSeen(context, namespace, { path: lane.path, mutations }),
      )
      return toStored(context, namespace, written)
    },

    async presignDownload(stored, options) {
      if (!stored.pending) return primary.presignDownload(stored, options)
      throw new UmbraError(
        'UNAVAILABLE',
        'the record waits in the outbox and has no link yet; try again when it is stored',
      )
    },

    health() {
      noteUse()
      return healthOf(context, lanes)
    },
    close: () => (closing ??= close()),
  }
}

async function toStored(
  { breaker, primary, lastSeen }: SendContext,
  namespace: Namespace,
  { kind, appended, entries }: Written,
): Promise<readonly StoredEntry[]> {
  if (kind === 'pending') return appended.entries.map((entry) => inOutbox(entry))
  const told = new Map(entries?.map((entry) => [entry.id, entry]))
  // Committed by another process, or by an attempt whose answer was lost: the store knows under which key.
  const { path } = laneOf(namespace)
  const find = async (foreseen: ManifestEntry) => {
    const ask = () => breaker.run(() => primary.getEntry(namespace, foreseen.id))
    const found = await lastSeen.seeing(path, ask).catch(() => undefined)
    return found !== undefined && isSameRevision(found.entry, foreseen) ? found : inStore(foreseen)
  }
  return Promise.all(
    appended.entries.map(async (foreseen) => {
      const entry = told.get(foreseen.id)
      return entry === undefined ? find(foreseen) : inStore(entry)
    }),
  )
}

function inStore(entry: ManifestEntry): StoredEntry {
  return { entry, storedIn: 'r2', pending: false }
}

/** Resolves to whether it is queued again. */
async function announce(
  context: SendContext,
  { lane }: LaneState,
  { operation, decision }: DecidedOperation,
): Promise<boolean> {
  if (decision.kind === 'committed') return false
  const listed = context.outbox.findListed(operation.opId)
  if (listed === undefined) return false
  context.events.emit('conflict', toConflict(listed))
  try {
    return await overwriteWhenLater(context, lane, { operation, error: decision.error })
  } catch (error) {
    // It stays listed, and somebody decides.
    if (!isUmbraError(error)) throw error
    return false
  }
}

async function healthOf(context: SendContext, lanes: KnownLanes): Promise<BackendHealth> {
  const { outbox, breaker, clock } = context
  const store = await healthOfStore(context)
  const backlog = outbox.backlog()
  const oldestAt = Math.min(...backlog.map((one) => one.oldestAt))
  const health: OutboxHealth = {
    breaker: breaker.state,
    depth: backlogDepth(backlog),
    oldestAgeMs: backlog.length === 0 ? 0 : Math.max(clock.now() - oldestAt, 0),
    ...outbox.usage(),
    paused: lanes.paused(),
    conflicts: outbox.listed().length,
  }
  const healthy = store.healthy && health.paused.length === 0 && breaker.state === 'closed'
  const waiting = health.depth === 0 ? 'nothing is pending' : `${health.depth} operations are pending`
  return { ...store, healthy, message: `${store.message}; ${waiting}`, outbox: health }
}

async function healthOfStore({ primary, breaker }: SendContext): Promise<BackendHealth> {
  if (!breaker.passable)
    return { healthy: false, message: 'r2 is left alone for a while because it did not answer', latencyMs: 0 }
  const health = await primary.health()
  // Otherwise a caller who sends nothing as long as this is not healthy would keep it so.
  if (health.healthy && breaker.state === 'open' && breaker.passable) await breaker.run(async () => health)
  return health
}
