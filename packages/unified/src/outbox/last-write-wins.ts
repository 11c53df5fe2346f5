import { hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type { ManifestEntry, Mutation, UmbraError } from '@umbra/core'
import type { Lane, QueuedOperation } from '@umbra/sqlite'
import type { SendContext } from './send-context.ts'

/**
 * Queues a refused change again over the version that won, or what is queued over that, when it was made later. The version it replaces
 * stays a revision of the record until its grace is over, and the refusal stays listed. Resolves to whether it did.
 */
export async function overwriteWhenLater(
  { primary, breaker, outbox, policy }: SendContext,
  lane: Lane,
  refused: { readonly operation: QueuedOperation; readonly error: UmbraError },
): Promise<boolean> {
  const { namespace } = lane
  const { operation, error } = refused
  if (policy.conflicts !== 'last-write-wins' || namespace === undefined) return false
  if (!hasErrorCode(error, 'PRECONDITION_FAILED')) return false
  const mutations: Mutation[] = []
  for (const mutation of operation.mutations) {
    const id = mutationId(mutation)
    // One that was refused before it, and is queued again, is what it goes over.
    const current =
      outbox.pendingEntry(lane.path, id) ?? (await breaker.run(() => primary.getEntry(namespace, id)))?.entry
    if (current?.op !== 'put' || !isLater(mutation, current)) return false
    const expect = { kind: 'etag', etag: recordEtag(current) } as const
    mutations.push({ ...mutation, expect })
  }
  await outbox.append(lane, { mutations }, 'pending')
  return true
}

/** By the writers' clocks; a tie is decided by content, so that everybody decides it the same way. */
function isLater(mutation: Mutation, current: ManifestEntry): boolean {
  const ours = mutation.kind === 'put' ? (mutation.draft.updated_at ?? mutation.draft.timestamp) : mutation.at
  const theirs = current.updated_at ?? current.timestamp
  if (ours !== theirs) return ours > theirs
  return mutation.kind === 'put' && mutation.draft.sha256 > current.sha256
}
