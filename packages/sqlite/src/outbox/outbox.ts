import { createIdSource, systemClock } from '@umbra/core'
import { closeDatabase } from '../close-database.ts'
import { createBodyStore } from '../body-store.ts'
import { createFileWiper } from '../file-wiper.ts'
import { createGroupTransaction } from '../group-transaction.ts'
import { openDatabase } from '../open-database.ts'
import type { OpenDatabase } from '../open-database.ts'
import { translated } from '../sqlite-error.ts'
import { DEFAULT_BUSY_TIMEOUT_MS } from '../sqlite-settings.ts'
import { appendOperation } from './outbox-append.ts'
import { createOutboxBodies } from './outbox-body.ts'
import { DEFAULT_OUTBOX_LIMITS } from './outbox-context.ts'
import type { OutboxContext } from './outbox-context.ts'
import { decideOperations } from './outbox-decide.ts'
import { adoptOrphans } from './orphans.ts'
import { asOutboxError, fromErrorJson } from './outbox-error.ts'
import { createProcessHolder } from './outbox-holder.ts'
import { forgetRecord, removeOperation } from './outbox-kept.ts'
import { hasTime, isTaken, laneRow, leasedRow, releaseLease, takeLease, toLease } from './outbox-lanes.ts'
import { discardOperation, findListed, listOperations, retryOperation } from './outbox-listed.ts'
import type { LaneLease, Outbox, OutboxComponents, OutboxSettings, Settled } from './outbox-port.ts'
import { createOutboxReads } from './outbox-reads.ts'
import type { LaneRow, OpRow } from './outbox-rows.ts'
import { prepareOutboxStatements } from './outbox-statements.ts'

/**
 * Opens the outbox in a database file, which several processes may share.
 *
 * @throws `CONFIGURATION` when the file cannot be opened or written or is of a newer version, `CORRUPT` when it is no
 * database or damaged.
 */
export async function openOutbox(
  settings: OutboxSettings,
  components: OutboxComponents = {},
): Promise<Outbox> {
  const { clock = systemClock, ids = createIdSource(), holder = createProcessHolder() } = components
  // An operation that was reported as pending must survive a power failure, whatever the records' own setting.
  const database = await openDatabase({ ...settings, durability: 'full' }, clock, components.trace)
  components.prepare?.(database.connection)
  const busyTimeoutMs = settings.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS
  const locking = { busyTimeoutMs, clock }
  const writes = createGroupTransaction(database.connection, locking)
  const statements = prepareOutboxStatements(database.db)
  const bodyStore = createBodyStore(database.db, writes, clock)
  const limits = { ...DEFAULT_OUTBOX_LIMITS, ...definedLimits(settings) }
  const bodies = createOutboxBodies(database.db)
  const context = { statements, bodies, bodyStore, writes, clock, ids, holder, limits, aside: { bytes: 0 } }
  try {
    await writes.run(() => {
      const now = clock.now()
      if (statements.findState.get() === undefined)
        statements.insertState.run({ writer: ids.next(now), createdAt: now })
      // Changes nothing. A file that can only be read says so here, and not when the first write comes.
      statements.releaseAll.run({ holder: holder.name })
      adoptOrphans(context)
    })
    await bodyStore.sweep()
  } catch (error) {
    database.connection.close()
    throw error
  }
  return assembleOutbox(context, database, createFileWiper(database.connection, locking))
}

function definedLimits({ path: _path, busyTimeoutMs: _busy, ...limits }: OutboxSettings) {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
}

function assembleOutbox(
  context: OutboxContext,
  database: OpenDatabase,
  wipeFile: () => Promise<void>,
): Outbox {
  const { writes, statements, limits } = context
  const reads = createOutboxReads(context)
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    // Best effort: a lease that is not given back runs out.
    await writes.run(() => statements.releaseAll.run({ holder: context.holder.name })).catch(() => undefined)
    closeDatabase(database.connection)
  }

  return {
    ...reads,
    append: async (lane, write, state, isStored = false) => {
      try {
        return await appendOperation(context, lane, { write, state, isStored })
      } catch (error) {
        throw asOutboxError(error)
      }
    },
    lease: async (lane) => {
      const row = translated(() => statements.findLane.get({ path: lane.path }))
      // Appending extends the lease, so mostly there is nothing to change, and no disk to wait for.
      if (row !== undefined && hasTime(context, row)) return toLease(row)
      if (row !== undefined && isTaken(context, row)) return undefined
      return writes.run(() => takeLease(context, laneRow(context, lane)))
    },
    noteBase: (lease, { pk }, base) =>
      writes.run(() => {
        if (leasedRow(context, lease) === undefined) return false
        statements.setBase.run({ pk, base })
        return true
      }),
    decide: (lease, decided, mark) => writes.run(() => decideOperations(context, lease, { decided, mark })),
    renameWriter: (lease) =>
      writes.run(() => {
        const row = leasedRow(context, lease)
        return row && renamed(context, row)
      }),
    resendAfter: (lease, mark) => writes.run(() => resendAfter(context, lease, mark)),
    release: (lease) =>
      writes.run(() => {
        const row = leasedRow(context, lease)
        if (row !== undefined) releaseLease(context, row)
      }),
    markPending: (pks) =>
      writes.run(() => new Set(pks.filter((pk) => statements.markPending.run({ pk }).changes > 0))),
    settled: async (pk) => {
      const op = translated(() => statements.getOp.get({ pk }))
      return isRefused(op) ? writes.run(() => settled(context, pk)) : settled(context, pk)
    },
    usage: () => ({
      bytes: translated(() => statements.findState.get())?.bytes ?? 0,
      maxBytes: limits.maxBytes,
    }),
    isUsed: () => translated(() => statements.anyLane.get()) !== undefined,
    listed: () => translated(() => listOperations(context)),
    findListed: (id) => translated(() => findListed(context, id)),
    retry: (id, expects) => writes.run(() => retryOperation(context, id, expects)),
    discard: (id) => writes.run(() => discardOperation(context, id)),
    forget: async (path, id) => {
      await writes.run(() => forgetRecord(context, path, id))
      await wipeFile()
    },
    close: () => (closing ??= close()),
  }
}

function settled(context: OutboxContext, pk: number): Settled {
  const op = context.statements.getOp.get({ pk })
  // Only committed operations are ever removed without being told to the caller first.
  if (op === undefined || op.state === 'committed') return { kind: 'committed' }
  if (!isRefused(op)) return { kind: 'waiting' }
  removeOperation(context, pk)
  context.statements.addBytes.run({ bytes: -op.bytes, keptBytes: 0 })
  return { kind: 'refused', error: fromErrorJson(op.error) }
}

function isRefused(op: OpRow | undefined): boolean {
  return op?.state === 'conflict' || op?.state === 'dead' || op?.state === 'untold'
}

/**
 * When what the store remembers cannot be found here (it is not kept any more, or was refused), it goes on under a new name:
 * what turns out to be in place is then done.
 */
function resendAfter(
  context: OutboxContext,
  lease: LaneLease,
  mark: { readonly n: number; readonly h: string },
): LaneLease | undefined {
  const { statements } = context
  const row = leasedRow(context, lease)
  if (row === undefined) return undefined
  const isKnown = mark.n === 0 || statements.markKnown.get({ lane: row.pk, ...mark }) !== undefined
  for (const op of statements.committedAfter.all({ lane: row.pk, n: mark.n })) {
    // The same operation under the same number: the store counts it once, whether it has it or not.
    statements.queueAgain.run({ ...op, barrier: Number(op.barrier) })
    statements.addBytes.run({ bytes: op.bytes, keptBytes: -op.bytes })
  }
  if (!isKnown) return renamed(context, row)
  statements.setMark.run({ pk: row.pk, ...mark })
  return takeLease(context, { ...row, markN: mark.n, markH: mark.h })
}

/** A new name for a lane: under it nothing was ever sent. Runs inside a transaction. */
function renamed(context: OutboxContext, row: LaneRow): LaneLease | undefined {
  const { statements, ids, clock } = context
  const writer = ids.next(clock.now())
  statements.setWriter.run({ pk: row.pk, writer })
  statements.markResent.run({ lane: row.pk })
  return takeLease(context, { ...row, writer, markN: null, markH: null })
}
