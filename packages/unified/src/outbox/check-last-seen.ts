import { checkAgainstSeen, isMinted, mutationId } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace } from '@umbra/core'
import { classifyFailure, isOutage } from './classify-failure.ts'
import { FROM_MEMORY } from './overlay-reads.ts'
import type { SendContext } from './send-context.ts'

/**
 * Refuses, while the store is away, what conflicts with what was last seen of it. Where nothing is known, or the caller knows
 * more, the write is let through: the store decides when it is back. What is pending is compared where it is queued.
 *
 * @throws what a commit throws: `ALREADY_EXISTS`, `NOT_FOUND`, `PRECONDITION_FAILED`.
 */
export async function checkLastSeen(
  context: SendContext,
  namespace: Namespace,
  { path, mutations }: { readonly path: string; readonly mutations: readonly Mutation[] },
): Promise<void> {
  const { outbox, lastSeen } = context
  for (const [index, mutation] of mutations.entries()) {
    if (isMinted(mutation)) continue
    const id = mutationId(mutation)
    const changes = outbox.unseenChanges(path, lastSeen.decidedTo(path), id)
    // So much was sent since that what was seen is no reason to refuse anything.
    if (changes === undefined) continue
    const change = changes.get(id)
    if (change?.pending === true) continue
    const stored = await fromMemory(context, namespace, id)
    const seen = change !== undefined && change.entry.rev > (stored?.rev ?? 0) ? change.entry : stored
    const problem = seen && checkAgainstSeen(mutation, seen, index)
    if (problem !== undefined) throw problem
  }
}

async function fromMemory(
  { primary }: SendContext,
  namespace: Namespace,
  id: string,
): Promise<ManifestEntry | undefined> {
  try {
    return (await primary.getEntry(namespace, id, FROM_MEMORY))?.entry
  } catch (error) {
    // Refused credentials and the like pause a namespace: they give nothing up, and know nothing either.
    if (isOutage(error) || classifyFailure(error) === 'pause') return undefined
    throw error
  }
}
