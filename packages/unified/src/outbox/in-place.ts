import { hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type { Mutation, PutMutation, UmbraError } from '@umbra/core'
import type { QueuedOperation } from '@umbra/sqlite'

/**
 * Whether a refusal only says that the operation had been applied before, under a name the store does not tell apart any
 * more: what the store holds is what this operation, or one queued over it, made. An operation is applied whole, so one of
 * its mutations stands for all.
 */
export function isInPlace(
  operation: QueuedOperation,
  error: UmbraError,
  queued: readonly QueuedOperation[],
): boolean {
  if (!operation.resent) return false
  const { id, currentEtag } = error.details
  // Nobody else can have had an id that was minted for it.
  if (operation.mutations.some((one) => isMinted(one) && mutationId(one) === id)) return true
  const entry = operation.entries.find((one) => one.id === id)
  if (hasErrorCode(error, 'NOT_FOUND')) return isDeletedSince(operation, id, queued)
  if (entry === undefined || typeof currentEtag !== 'string') return false
  return [operation, ...laterThan(operation, queued)].some(({ entries }) =>
    entries.some((one) => one.id === id && one.op === 'put' && recordEtag(one) === currentEtag),
  )
}

function isDeletedSince(
  operation: QueuedOperation,
  id: unknown,
  queued: readonly QueuedOperation[],
): boolean {
  return [operation, ...laterThan(operation, queued)].some(({ entries }) =>
    entries.some((one) => one.id === id && one.op === 'del'),
  )
}

function laterThan({ n }: QueuedOperation, queued: readonly QueuedOperation[]): QueuedOperation[] {
  return queued.filter((one) => one.resent && one.n > n)
}

export function isMinted(mutation: Mutation): mutation is PutMutation {
  return mutation.kind === 'put' && mutation.freshId === true
}
