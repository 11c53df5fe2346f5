import type { OutboxContext } from './outbox-context.ts'
import { NOBODY } from './outbox-rows.ts'
import type { OpRow } from './outbox-rows.ts'

/** Of callers in processes that cannot be seen from here, and that may have been frozen: from then on they count as dead. */
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1_000

/**
 * Whether the caller of an operation waits in a process that lives, as far as can be seen from here: it has not been told what became
 * of it.
 */
export function isAwaited({ holder }: OutboxContext, op: Pick<OpRow, 'holder'>): boolean {
  if (op.holder === NOBODY) return false
  return op.holder === holder.name || holder.isAlive(op.holder) !== false
}

/**
 * Somebody decides about a refused operation before its caller has heard of the refusal: only that is left of it. What it
 * holds goes into a new operation, or goes. Runs inside a transaction.
 */
export function leaveRefusal(
  context: OutboxContext,
  op: OpRow,
  again?: { readonly n: number; readonly opId: string; readonly barrier: number },
): void {
  const { statements } = context
  removeOrphans(context)
  if (again === undefined) {
    statements.removeBodies.run({ op: op.pk })
    statements.removeMutations.run({ op: op.pk })
  } else {
    const { lane, createdAt, bytes } = op
    const queued = { ...again, lane, createdAt, bytes, state: 'pending', holder: NOBODY }
    const { lastInsertRowid } = statements.insertOp.run(queued)
    statements.moveMutations.run({ from: op.pk, to: lastInsertRowid })
  }
  statements.leaveRefusal.run({ pk: op.pk })
}

/** Those whose callers have died, or would have asked long since: nobody will ask for them. */
function removeOrphans(context: OutboxContext): void {
  const { statements, clock, holder } = context
  const longAgo = clock.now() - LONGEST_WAIT_MS
  for (const op of statements.untoldOps.all()) {
    const isOverdue = holder.isAlive(op.holder) === undefined && (op.decidedAt ?? 0) < longAgo
    if (isOverdue || !isAwaited(context, op)) statements.removeOp.run({ pk: op.pk })
  }
}
