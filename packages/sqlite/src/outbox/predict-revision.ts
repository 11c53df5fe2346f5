import { etagRevision, isRecordEtag } from '@umbra/core'
import { newestChange } from './newest-change.ts'
import type { OutboxContext } from './outbox-context.ts'
import { predictedEtag } from './outbox-rows.ts'
import type { LaneRow, NewMutation } from './outbox-rows.ts'

export interface PredictedRevision {
  readonly rev: number
  readonly certain: boolean
  /** It names a version that an undecided operation may or may not turn out to have made. */
  readonly barrier: boolean
}

/**
 * The revision a mutation will become that is queued now: known when it names one or its id is new, else as far as the
 * queue tells. Runs inside a transaction.
 */
export function predictRevision(
  { statements }: OutboxContext,
  lane: Pick<LaneRow, 'pk' | 'module'>,
  mutation: Pick<NewMutation, 'id' | 'expect' | 'freshId' | 'minRev'>,
): PredictedRevision {
  const atLeast = mutation.minRev ?? 1
  if (lane.module === null || mutation.freshId) return { rev: atLeast, certain: true, barrier: false }
  const known = newestChange(statements, { lane: lane.pk, id: mutation.id })
  const newest = known?.op.state === 'committed' ? undefined : known?.mutation
  if (mutation.expect !== null && isRecordEtag(mutation.expect)) {
    const rev = Math.max(etagRevision(mutation.expect) + 1, atLeast)
    const barrier = newest?.certain === false && predictedEtag(newest) === mutation.expect
    return { rev, certain: !barrier, barrier }
  }
  // It comes after what is there; of another creation that is undecided it takes the place, if that one is refused.
  const isRival = newest?.kind === 'put'
  const rev = Math.max((known?.mutation.rev ?? 0) + (isRival ? 0 : 1), atLeast)
  return { rev, certain: newest?.kind === 'delete' && newest.certain, barrier: false }
}
