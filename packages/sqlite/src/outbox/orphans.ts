import { isMinted, mutationId } from '@umbra/core'
import { translated } from '../sqlite-error.ts'
import { newestChange } from './newest-change.ts'
import type { OutboxContext } from './outbox-context.ts'
import type { Lane, OutboxWrite } from './outbox-port.ts'
import type { OpRow } from './outbox-rows.ts'

/**
 * Whether its caller has died before it was told anything: the operation is sent like any other, so it is pending. In a process that
 * cannot be seen from here a caller that lives is told within the time of a lease.
 */
export function isOrphan(
  { holder, clock, limits }: OutboxContext,
  { state, holder: name, createdAt }: Pick<OpRow, 'state' | 'holder' | 'createdAt'>,
): boolean {
  if (state !== 'trying' || name === holder.name) return false
  const isAlive = holder.isAlive(name)
  return isAlive === undefined ? clock.now() - createdAt >= limits.leaseMs : !isAlive
}

/**
 * So that they are read, and that no change is accepted that names what they replace. Should the caller of one live after all, it is told
 * what becomes of it all the same. Runs inside a transaction.
 */
export function adoptOrphans(context: OutboxContext): void {
  const { statements } = context
  for (const op of statements.awaitedOps.all()) if (isOrphan(context, op)) statements.adopt.run({ pk: op.pk })
}

/** When one of them is what a write would be compared with. Apart from that comparison: what is refused there is undone. */
export async function adoptBefore(context: OutboxContext, { path }: Lane, write: OutboxWrite): Promise<void> {
  const { statements, writes } = context
  const ids =
    'blob' in write ? [path] : write.mutations.flatMap((one) => (isMinted(one) ? [] : [mutationId(one)]))
  const isInTheWay = translated(() => {
    const lane = statements.findLane.get({ path })?.pk
    if (lane === undefined) return false
    return ids.some((id) => {
      const newest = newestChange(statements, { lane, id })
      return newest !== undefined && isOrphan(context, newest.op)
    })
  })
  if (isInTheWay) await writes.run(() => adoptOrphans(context))
}
