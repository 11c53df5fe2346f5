import { UmbraError } from '@umbra/core'
import type { OutboxContext } from './outbox-context.ts'
import { fromErrorJson } from './outbox-error.ts'
import { removeOperation } from './outbox-kept.ts'
import type { ListedOperation } from './outbox-port.ts'
import { toLane, toQueued } from './outbox-rows.ts'
import type { LaneRow, OpRow } from './outbox-rows.ts'
import { predictRevision } from './predict-revision.ts'
import { isAwaited, leaveRefusal } from './untold-refusal.ts'

/** Operations that were refused after their callers had been told that they are pending, oldest first. */
export function listOperations(context: OutboxContext): ListedOperation[] {
  return context.statements.listedOps
    .all()
    .filter(({ op }) => isListed(context, op))
    .map(({ op, lane }) => toListed(context, op, lane))
}

/** One of them; undefined when none has this id. */
export function findListed(context: OutboxContext, id: string): ListedOperation | undefined {
  const op = context.statements.findOp.get({ opId: id })
  const lane = op && context.statements.getLane.get({ pk: op.lane })
  return lane && isListed(context, op) ? toListed(context, op, lane) : undefined
}

/** Whether it is refused, and its caller will not hear of it. One who still waits, in whatever process, is told instead. */
function isListed(context: OutboxContext, op: OpRow): boolean {
  const { clock, limits } = context
  if (op.state !== 'conflict' && op.state !== 'dead') return false
  const sinceMs = clock.now() - (op.decidedAt ?? 0)
  // Callers look many times a second: one who has not looked for so long does not come any more.
  const mayComeYet = sinceMs >= 0 && sinceMs < limits.leaseMs
  return !(mayComeYet && isAwaited(context, op))
}

function toListed({ statements, bodies }: OutboxContext, op: OpRow, row: LaneRow): ListedOperation {
  const lane = toLane(row)
  const rows = statements.mutationsOf.all({ op: op.pk })
  return {
    id: op.opId,
    kind: op.state === 'dead' ? 'dead' : 'conflict',
    lane,
    operation: toQueued(op, rows, { lane, bodies }),
    error: fromErrorJson(op.error),
    decidedAt: op.decidedAt ?? 0,
  }
}

/** Queues a listed operation at the end of its lane, as a new one. Runs inside a transaction. */
export function retryOperation(
  context: OutboxContext,
  id: string,
  expects: readonly (string | undefined)[],
): void {
  const { statements, ids, clock } = context
  const op = listedOp(context, id)
  const lane = statements.getLane.get({ pk: op.lane })
  if (lane === undefined) throw notListed(id)
  let barrier = 0
  for (const mutation of statements.mutationsOf.all({ op: op.pk })) {
    const expect = expects[mutation.idx]
    if (expect === undefined) continue
    // An id that was minted for it was taken all the same.
    const predicted = predictRevision(context, lane, { ...mutation, expect, freshId: false })
    if (predicted.barrier) barrier = 1
    const { rev, certain } = predicted
    statements.rebase.run({ op: op.pk, idx: mutation.idx, expect, rev, certain: certain ? 1 : 0 })
  }
  const n = lane.lastN + 1
  const opId = ids.next(clock.now())
  if (isAwaited(context, op)) leaveRefusal(context, op, { n, opId, barrier })
  else statements.queueAgain.run({ pk: op.pk, n, opId, barrier })
  moveToEnd(context, opId)
  statements.setLastN.run({ pk: lane.pk, lastN: n })
}

/** The rows of what changes a record are in the order of queueing. An id that was minted may be known to others by now. */
function moveToEnd({ statements }: OutboxContext, opId: string): void {
  const op = statements.findOp.get({ opId })?.pk
  if (op === undefined) return
  const rows = statements.mutationsOf.all({ op })
  statements.removeMutations.run({ op })
  for (const row of rows) statements.insertMutation.run({ ...row, freshId: false })
}

/** Runs inside a transaction. */
export function discardOperation(context: OutboxContext, id: string): void {
  const op = listedOp(context, id)
  if (isAwaited(context, op)) leaveRefusal(context, op)
  else removeOperation(context, op.pk)
  context.statements.addBytes.run({ bytes: -op.bytes, keptBytes: 0 })
}

function listedOp(context: OutboxContext, id: string): OpRow {
  const op = context.statements.findOp.get({ opId: id })
  if (op === undefined || !isListed(context, op)) throw notListed(id)
  return op
}

function notListed(id: string): UmbraError {
  return new UmbraError('NOT_FOUND', `no refused operation has this id. id=${id}`, { details: { id } })
}
