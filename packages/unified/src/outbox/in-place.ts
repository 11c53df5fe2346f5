import { etagRevision, hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type { Mutation, PutMutation, UmbraError } from '@umbra/core'
import type { QueuedOperation, ResentVersion } from '@umbra/sqlite'

/**
 * Whether a refusal only says that the operation had been applied before, under a name the store does not tell apart any
 * more: what the store holds is what this operation, or one queued over it, made. An operation is applied whole, so one of
 * its mutations stands for all.
 */
export function isInPlace(
  operation: QueuedOperation,
  error: UmbraError,
  versionsOf: (id: string) => readonly ResentVersion[],
): boolean {
  const { id, currentEtag, currentRevision } = error.details
  if (!operation.resent || typeof id !== 'string') return false
  // Nobody else can have had an id that was minted for it.
  if (operation.mutations.some((one) => isMinted(one) && mutationId(one) === id)) return true
  const sinceThen = versionsOf(id).filter(({ n }) => n >= operation.n)
  if (typeof currentEtag === 'string') return sinceThen.some((version) => mayBe(version, currentEtag))
  const isGone = hasErrorCode(error, 'NOT_FOUND') || currentRevision !== undefined
  return isGone && sinceThen.some(({ entry }) => entry.op === 'del')
}

function mayBe({ entry, certain }: ResentVersion, etag: string): boolean {
  if (entry.op !== 'put') return false
  const rev = etagRevision(etag)
  const isRevision = certain ? rev === entry.rev : rev >= entry.rev
  return isRevision && recordEtag({ ...entry, rev }) === etag
}

export function isMinted(mutation: Mutation): mutation is PutMutation {
  return mutation.kind === 'put' && mutation.freshId === true
}
