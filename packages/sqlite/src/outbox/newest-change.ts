import type { OutboxContext } from './outbox-context.ts'
import type { MutationRow, OpRow } from './outbox-rows.ts'
import type { OutboxStatements } from './outbox-statements.ts'

/** Of a record, or of a blob. */
export interface ChangeKey {
  readonly lane: number
  readonly id: string
}

export interface QueuedChange {
  readonly mutation: MutationRow
  readonly op: OpRow
}

/** The newest change that was not refused. */
export function newestChange(
  statements: OutboxStatements,
  { lane, id }: ChangeKey,
): QueuedChange | undefined {
  return statements.newestOf.get({ lane, id })
}

/** The newest change that was reported as pending. What is committed has nothing before it that is not. */
export function newestPending(
  statements: OutboxStatements,
  { lane, id }: ChangeKey,
): QueuedChange | undefined {
  const newest = newestChange(statements, { lane, id })
  if (newest?.op.state === 'pending') return newest
  return newest?.op.state === 'trying' ? statements.newestPendingOf.get({ lane, id }) : undefined
}

/** Whether its caller waits, as far as can be seen from here. One whose caller has died becomes pending: see `orphans.ts`. */
export function isOnItsWay({ holder }: OutboxContext, { state, holder: name }: OpRow): boolean {
  return state === 'trying' && (name === holder.name || holder.isAlive(name) === true)
}
