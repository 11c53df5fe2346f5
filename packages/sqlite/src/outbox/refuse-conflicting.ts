import { checkAgainstSeen, checkBlobExpectation, mutationId } from '@umbra/core'
import type { Mutation } from '@umbra/core'
import type { OutboxContext } from './outbox-context.ts'
import type { BlobWrite, Lane } from './outbox-port.ts'
import { predictedEntry } from './outbox-rows.ts'

/**
 * Refuses what certainly conflicts with what is pending. Runs in the transaction that queues, so that of several callers
 * who change one version, in whatever processes, only one is told that its change is pending.
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
    const newest = newestOf(mutationId(mutation))
    const entry = newest && predictedEntry(newest.mutation, newest.opId, queue.lane)
    const problem = entry && checkAgainstSeen(mutation, entry, index)
    if (problem !== undefined) throw problem
  }
}
