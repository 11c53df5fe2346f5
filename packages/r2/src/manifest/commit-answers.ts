import { mutationId, UmbraError } from '@umbra/core'
import type { CommitPlan } from '@umbra/core'
import { CALLERS_PER_TURN } from '../objects/few-per-turn.ts'
import type { ManifestContext } from './manifest-context.ts'
import type { PendingOperation } from './pending-operation.ts'

/** In a process whose turns are long, the last must not hear of it much later than the first. */
const MOST_TURNS = 32

/**
 * Tells everybody in the group what became of their operation, a few in one turn of the event loop: whoever hears of a
 * commit often has the next write ready, and the first of these should be on their way before the last are prepared.
 */
export async function answer(
  group: readonly PendingOperation[],
  plan: CommitPlan,
  { nextTurn }: Pick<ManifestContext, 'nextTurn'>,
): Promise<void> {
  const perTurn = Math.max(CALLERS_PER_TURN, Math.ceil(group.length / MOST_TURNS))
  for (const [index, operation] of group.entries()) {
    if (index > 0 && index % perTurn === 0) await nextTurn()
    const outcome = plan.outcomes[index]
    if (outcome === undefined)
      operation.reject(new UmbraError('INTERNAL', 'an operation was left out of its plan'))
    else operation.resolve(outcome)
  }
}

export function outcomePending({ mutations }: PendingOperation, cause: unknown): UmbraError {
  return new UmbraError(
    'OUTCOME_PENDING',
    'the store did not say whether the write was applied; repeat a creation with the same ids (see details): ALREADY_EXISTS then means that it was; read a record before you repeat its update',
    { cause, details: { ids: mutations.map(mutationId) } },
  )
}

export function stillUnsettled(cause: unknown): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    'an earlier write of this namespace is not settled yet; try again later',
    {
      cause,
      details: { outcome: 'not-applied' },
    },
  )
}
