import type { OutboxContext } from './outbox-context.ts'
import { NOBODY } from './outbox-rows.ts'
import type { OpRow } from './outbox-rows.ts'

/** Whether the caller of an operation waits in a process that lives: it has not been told what became of it. */
export function isAwaited({ holder }: OutboxContext, op: Pick<OpRow, 'holder'>): boolean {
  if (op.holder === NOBODY) return false
  return op.holder === holder.name || holder.isAlive(op.holder)
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

/** Those whose callers have died: nobody will ask for them. */
function removeOrphans(context: OutboxContext): void {
  const { statements } = context
  for (const op of statements.untoldOps.all())
    if (!isAwaited(context, op)) statements.removeOp.run({ pk: op.pk })
}
