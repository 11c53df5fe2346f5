import { UmbraError } from '@umbra/core'
import type { WriterMark } from '@umbra/core'
import type { OutboxContext } from './outbox-context.ts'
import type { Lane, LaneLease } from './outbox-port.ts'
import { toLane } from './outbox-rows.ts'
import type { LaneRow } from './outbox-rows.ts'

/** The lane's row, created when it is missing. Runs inside a transaction. */
export function laneRow({ statements }: OutboxContext, { path, namespace }: Lane): LaneRow {
  const found = statements.findLane.get({ path })
  if (found !== undefined) return found
  const writer = statements.findState.get()?.writer
  if (writer === undefined) throw new UmbraError('CORRUPT', 'the outbox has lost its name; restore the file')
  const values = { path, module: namespace?.module ?? null, userId: namespace?.userId ?? null, writer }
  const pk = Number(statements.insertLane.run(values).lastInsertRowid)
  return {
    ...values,
    pk,
    lastN: 0,
    evictedN: 0,
    markN: null,
    markH: null,
    holder: null,
    holderUntil: 0,
    fence: 0,
  }
}

/**
 * Whether another living process has the lease. One that cannot be seen from here counts as dead, so that a new container goes on at
 * once with the work of the last: should both live, both send, which the store's watermark makes harmless.
 */
export function isTaken({ clock, holder, limits }: OutboxContext, row: LaneRow): boolean {
  if (row.holder === null || row.holder === holder.name) return false
  const leftMs = row.holderUntil - clock.now()
  // A clock that was set back must not make a lease last longer than it was given.
  return leftMs > 0 && leftMs <= limits.leaseMs && holder.isAlive(row.holder) === true
}

/** Whether the lease is ours for long enough to begin something. */
export function hasTime({ clock, holder, limits }: OutboxContext, row: LaneRow): boolean {
  const leftMs = row.holderUntil - clock.now()
  return row.holder === holder.name && leftMs > limits.leaseMs / 2 && leftMs <= limits.leaseMs
}

/** Takes or extends the lease; undefined while another living process has it. Runs inside a transaction. */
export function takeLease(context: OutboxContext, row: LaneRow): LaneLease | undefined {
  const { clock, holder, limits, statements } = context
  if (isTaken(context, row)) return undefined
  const fence = row.holder === holder.name ? row.fence : row.fence + 1
  statements.setHolder.run({ pk: row.pk, holder: holder.name, until: clock.now() + limits.leaseMs, fence })
  return toLease({ ...row, fence })
}

/** The lane's row while the lease is still ours. Runs inside a transaction. */
export function leasedRow({ statements, holder }: OutboxContext, lease: LaneLease): LaneRow | undefined {
  const row = statements.getLane.get({ pk: lease.lanePk })
  return row?.fence === lease.fence && row.holder === holder.name ? row : undefined
}

export function releaseLease({ statements }: OutboxContext, row: LaneRow): void {
  statements.setHolder.run({ pk: row.pk, holder: null, until: 0, fence: row.fence })
}

export function toLease(row: LaneRow): LaneLease {
  return {
    lane: toLane(row),
    lanePk: row.pk,
    fence: row.fence,
    writer: row.writer,
    mark: toMark(row),
  }
}

function toMark({ markN, markH }: LaneRow): WriterMark | undefined {
  return markN === null || markH === null ? undefined : { n: markN, h: markH }
}
