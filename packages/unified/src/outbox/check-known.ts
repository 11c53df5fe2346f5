import { checkExpectation, mutationId } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace } from '@umbra/core'
import { classifyFailure, isOutage } from './classify-failure.ts'
import type { SendContext } from './send-context.ts'

/**
 * Refuses what certainly conflicts with what is pending or, while the store is away, with what was last seen. Where nothing is
 * known, or the caller knows more, the write is let through: the store decides when it is back.
 *
 * @throws what a commit throws: `ALREADY_EXISTS`, `NOT_FOUND`, `PRECONDITION_FAILED`.
 */
export async function checkKnown(
  context: SendContext,
  namespace: Namespace,
  request: {
    readonly path: string
    readonly mutations: readonly Mutation[]
    readonly store: 'reachable' | 'away'
  },
): Promise<void> {
  for (const [index, mutation] of request.mutations.entries()) {
    if (mutation.kind === 'put' && mutation.freshId === true) continue
    const id = mutationId(mutation)
    const pending = context.outbox.pendingEntry(request.path, id)
    const seen = pending ?? (request.store === 'away' ? await lastSeen(context, namespace, id) : undefined)
    if (seen === undefined || isNewer(mutation, seen)) continue
    const problem = checkExpectation(mutation, seen, index)
    if (problem !== undefined) throw problem
  }
}

async function lastSeen(
  { primary }: SendContext,
  namespace: Namespace,
  id: string,
): Promise<ManifestEntry | undefined> {
  try {
    const options = { consistency: { kind: 'bounded', maxAgeMs: Infinity } } as const
    return (await primary.getEntry(namespace, id, options))?.entry
  } catch (error) {
    // Refused credentials and the like pause a namespace: they give nothing up, and know nothing either.
    if (isOutage(error) || classifyFailure(error) === 'pause') return undefined
    throw error
  }
}

/** The caller names a version that came after the one last seen. */
function isNewer({ expect }: Mutation, seen: ManifestEntry): boolean {
  return expect.kind === 'etag' && Number.parseInt(expect.etag, 10) > seen.rev
}
