import { checkExpectation, hasErrorCode, mutationId, recordEtag } from '@umbra/core'
import type { Mutation, Namespace, StoredEntry } from '@umbra/core'
import { carryOver } from './carry-over.ts'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyCommitted } from './copy-committed.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { forgetAttempt, noteDeleting } from './deletion-note.ts'
import type { DeletionAttempt } from './deletion-note.ts'
import { wasInPrimary } from './primary-note.ts'
import { ensureInPrimary, isOnlyHere } from './secondary-only.ts'

/**
 * Commits to the primary, which decides, then to the secondary. A failure before or in the primary rejects and nothing
 * is written; a failure after it does not, because the write is committed: it goes into the backlog.
 */
export async function commitBoth(
  parts: HybridParts,
  backlog: CopyBacklog,
  namespace: Namespace,
  mutations: readonly Mutation[],
): Promise<readonly StoredEntry[]> {
  const copies = await Promise.all(
    mutations.map((one) => parts.secondary.getEntry(namespace, mutationId(one))),
  )
  await refuseTakenIds(parts, namespace, mutations, copies)
  const carried = await Promise.all(
    copies.map(async (copy, index) => {
      if (copy === undefined || mutations[index]?.expect.kind !== 'etag') return copy
      return carryOver(parts, namespace, copy)
    }),
  )
  const ordered = mutations.map((mutation, index) => keepAhead(mutation, carried[index]))
  const keys = mutations.map((mutation) => recordKey(namespace, mutationId(mutation)))
  let committed: readonly StoredEntry[]
  try {
    committed = await commitPrimary(parts, namespace, ordered)
  } catch (error) {
    if (hasErrorCode(error, 'OUTCOME_PENDING')) backlog.add(keys, error)
    throw error
  }
  try {
    const agreed = await copyCommitted(parts, namespace, ordered, committed)
    backlog.remove(keys)
    return agreed
  } catch (error) {
    backlog.add(keys, error)
    return committed
  }
}

/** An id whose record is only in the secondary is taken. The primary decides about all others. */
async function refuseTakenIds(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
  copies: readonly (StoredEntry | undefined)[],
): Promise<void> {
  for (const [index, mutation] of mutations.entries()) {
    const copy = copies[index]?.entry
    if (copy === undefined || mutation.expect.kind !== 'absent') continue
    if (await wasInPrimary(secondary, namespace, copy)) continue
    if ((await primary.getEntry(namespace, copy.id)) !== undefined) continue
    if (!(await isOnlyHere({ primary, secondary }, namespace, copy))) continue
    const problem = checkExpectation(mutation, copy, index)
    if (problem !== undefined) throw problem
  }
}

/** Revisions only grow, on both sides. */
function keepAhead(mutation: Mutation, copy: StoredEntry | undefined): Mutation {
  return mutation.kind === 'put' && copy !== undefined ? { ...mutation, rev: copy.entry.rev + 1 } : mutation
}

async function commitPrimary(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
): Promise<readonly StoredEntry[]> {
  const attempts: DeletionAttempt[] = []
  try {
    for await (const attempt of noteAttempts(parts, namespace, mutations)) attempts.push(attempt)
    return await commitExisting(parts, namespace, mutations)
  } catch (error) {
    // Best effort: a note that stays hides the record while the primary cannot be reached, and from a migration to one that has lost it.
    if (!hasErrorCode(error, 'OUTCOME_PENDING', 'INTERNAL'))
      await Promise.allSettled(attempts.map((attempt) => forgetFailed(parts, namespace, attempt, error)))
    throw error
  }
}

async function* noteAttempts(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
): AsyncGenerator<DeletionAttempt, void, undefined> {
  for (const mutation of mutations) {
    if (mutation.kind !== 'delete') continue
    const stored = await ensureInPrimary(parts, namespace, mutation)
    if (stored === undefined || recordEtag(stored.entry) !== mutation.expect.etag) continue
    yield await noteDeleting(parts.secondary, namespace, stored.entry)
  }
}

async function forgetFailed(
  { primary, secondary }: HybridParts,
  namespace: Namespace,
  attempt: DeletionAttempt,
  error: unknown,
): Promise<void> {
  // What was refused may be refused because somebody else has deleted it.
  const mayBeGone = hasErrorCode(error, 'NOT_FOUND', 'PRECONDITION_FAILED')
  if (mayBeGone && (await primary.getEntry(namespace, attempt.id))?.entry.timestamp !== attempt.timestamp)
    return
  await forgetAttempt(secondary, namespace, attempt)
}

/** Updates of records that are only in the secondary become possible by copying those first. */
async function commitExisting(
  parts: HybridParts,
  namespace: Namespace,
  mutations: readonly Mutation[],
): Promise<readonly StoredEntry[]> {
  try {
    return await parts.primary.commit(namespace, mutations)
  } catch (error) {
    if (!hasErrorCode(error, 'NOT_FOUND')) throw error
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.expect.kind !== 'etag') continue
      const { id, updated_at, timestamp } = mutation.draft
      const stored = await ensureInPrimary(parts, namespace, { id, at: updated_at ?? timestamp })
      if (stored === undefined) throw error
    }
    return parts.primary.commit(namespace, mutations)
  }
}
