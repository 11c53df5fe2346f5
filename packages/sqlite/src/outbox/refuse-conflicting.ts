import {
  checkAgainstSeen,
  checkBlobExpectation,
  checkExpectation,
  etagRevision,
  isMinted,
  mutationId,
  recordEtag,
  recordOnItsWay,
} from '@umbra/core'
import type { Expectation } from '@umbra/core'
import { isOnItsWay, newestChange, newestPending } from './newest-change.ts'
import type { ChangeKey, QueuedChange } from './newest-change.ts'
import type { OutboxContext } from './outbox-context.ts'
import type { Lane, OutboxWrite } from './outbox-port.ts'
import { predictedEntry } from './outbox-rows.ts'

interface Write {
  readonly write: OutboxWrite
  /** The store has what is to be replaced. */
  readonly isStored: boolean
}

/**
 * Refuses what conflicts with what is pending, on its way, or committed through this file since its caller read. Runs in the
 * transaction that queues, so that of several callers who change one version, in whatever processes, only one is told that
 * its change is pending.
 *
 * @throws what a commit throws: `ALREADY_EXISTS`, `NOT_FOUND`, `PRECONDITION_FAILED`.
 */
export function refuseConflicting(
  context: OutboxContext,
  queue: { readonly pk: number; readonly lane: Lane },
  { write, isStored }: Write,
): void {
  const { statements } = context
  if ('blob' in write) {
    const { path } = queue.lane
    const newest = newestPending(statements, { lane: queue.pk, id: path })?.mutation
    const etag = newest?.kind === 'put' ? newest.etag : undefined
    if (newest !== undefined) checkBlobExpectation(path, etag, write.blob.expect)
    return
  }
  for (const [index, mutation] of write.mutations.entries()) {
    if (isMinted(mutation)) continue
    const key = { lane: queue.pk, id: mutationId(mutation) }
    const newest = newestInTheWay(context, key, { expect: mutation.expect, isStored })
    if (newest === undefined) continue
    const entry = predictedEntry(newest.mutation, newest.op.opId, queue.lane)
    const check = isReplacedBy(context, newest, mutation.expect) ? checkExpectation : checkAgainstSeen
    const problem = check(mutation, entry, index)
    // What becomes of one that is on its way is not known yet.
    if (problem !== undefined) throw newest.op.state === 'trying' ? recordOnItsWay(key.id, index) : problem
  }
}

function newestInTheWay(
  context: OutboxContext,
  key: ChangeKey,
  { expect, isStored }: { readonly expect: Expectation; readonly isStored: boolean },
): QueuedChange | undefined {
  const { statements } = context
  const newest = newestChange(statements, key)
  // Whether an id is taken the store decides: what was committed others may have deleted, what is on its way may be refused.
  if (expect.kind !== 'etag' || newest === undefined) return newestPending(statements, key)
  if (newest.op.state === 'committed') return isStored ? undefined : newest
  return isOnItsWay(context, newest.op) ? newest : newestPending(statements, key)
}

/** Whether it names a version that this one goes over already, under the lower revision that was foreseen for it. */
function isReplacedBy(
  { statements }: OutboxContext,
  { mutation: { lane, id, op, certain } }: QueuedChange,
  expect: Expectation,
): boolean {
  if (certain || expect.kind !== 'etag') return false
  const rev = etagRevision(expect.etag)
  return statements.undecidedOf
    .all({ lane, id })
    .some(({ mutation }) => mutation.op !== op && recordEtag({ ...mutation, rev }) === expect.etag)
}
