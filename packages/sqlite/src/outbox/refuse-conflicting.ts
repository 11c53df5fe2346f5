import {
  checkAgainstSeen,
  checkBlobExpectation,
  etagRevision,
  mutationId,
  recordChanged,
  recordEtag,
} from '@umbra/core'
import type { Expectation, Mutation } from '@umbra/core'
import type { OutboxContext } from './outbox-context.ts'
import type { BlobWrite, Lane } from './outbox-port.ts'
import { predictedEntry, predictedEtag } from './outbox-rows.ts'

/**
 * Refuses what certainly conflicts with what is pending, or with what was pending when its caller read it. Runs in the
 * transaction that queues, so that of several callers who change one version, in whatever processes, only one is told that
 * its change is pending.
 *
 * @throws what a commit throws: `ALREADY_EXISTS`, `NOT_FOUND`, `PRECONDITION_FAILED`.
 */
export function refuseConflicting(
  { statements }: OutboxContext,
  queue: { readonly pk: number; readonly lane: Lane },
  write: { readonly mutations: readonly Mutation[] } | { readonly blob: BlobWrite },
): void {
  const newestOf = (id: string) => statements.newestPendingOf.get({ lane: queue.pk, id })
  if ('blob' in write) {
    const { path } = queue.lane
    const newest = newestOf(path)?.mutation
    const etag = newest?.kind === 'put' ? newest.etag : undefined
    if (newest !== undefined) checkBlobExpectation(path, etag, write.blob.expect)
    return
  }
  for (const [index, mutation] of write.mutations.entries()) {
    if (mutation.kind === 'put' && mutation.freshId === true) continue
    const id = mutationId(mutation)
    const newest = newestOf(id)
    const entry = newest && predictedEntry(newest.mutation, newest.opId, queue.lane)
    const problem = entry && checkAgainstSeen(mutation, entry, index)
    if (problem !== undefined) throw problem
    const current = etagMistakenFor(statements, { lane: queue.pk, id }, mutation.expect)
    if (current !== undefined) throw recordChanged(id, current, index)
  }
}

/** Of the version that was pending, and thought to become the expected one, until it became this. */
function etagMistakenFor(
  statements: OutboxContext['statements'],
  record: { readonly lane: number; readonly id: string },
  expect: Expectation,
): string | undefined {
  if (expect.kind !== 'etag') return undefined
  const rev = etagRevision(expect.etag)
  const found = statements.mistakenAs
    .all({ ...record, rev })
    .find(({ mutation }) => recordEtag({ ...mutation, rev }) === expect.etag)
  return found && predictedEtag(found.mutation)
}
