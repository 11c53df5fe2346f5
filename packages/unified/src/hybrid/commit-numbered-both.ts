import { hasErrorCode, isMinted, mutationId } from '@umbra/core'
import type {
  ManifestEntry,
  Mutation,
  Namespace,
  NumberedCommits,
  NumberedOutcome,
  NumberedRequest,
  NumberedResult,
} from '@umbra/core'
import { carryOver } from './carry-over.ts'
import { recordKey } from './copy-backlog.ts'
import type { CopyBacklog } from './copy-backlog.ts'
import { copyAgain } from './copy-again.ts'
import { copyCommitted } from './copy-committed.ts'
import { copyPending } from './copy-pending.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { inPrimary } from './hybrid-parts.ts'
import { wasInPrimary } from './primary-note.ts'
import { ensureInPrimary } from './secondary-only.ts'

/**
 * Commits an outbox's operations to the primary, which decides, then copies them. Resolves only when both have them; when
 * the copy fails or the process dies in between, the operations stay in the outbox, and the next call copies.
 */
export async function commitNumberedBoth(
  { numbered, ...parts }: HybridParts & { readonly numbered: NumberedCommits },
  backlog: CopyBacklog,
  namespace: Namespace,
  request: NumberedRequest,
): Promise<NumberedResult> {
  const operations = await Promise.all(
    request.operations.map(async (operation) => ({
      ...operation,
      mutations: await Promise.all(
        operation.mutations.map((mutation) => prepare(parts, namespace, mutation)),
      ),
    })),
  )
  const { outcomes, mark } = await numbered.commitNumbered(namespace, { ...request, operations })
  try {
    // The others are not decided yet.
    const mutations = operations.slice(0, outcomes.length).map((one) => one.mutations)
    return { outcomes: await copyOutcomes(parts, backlog, namespace, { mutations, outcomes }), mark }
  } catch (error) {
    throw copyPending(error)
  }
}

/** The primary can decide only about what it has; and revisions only grow, on both sides. */
async function prepare(parts: HybridParts, namespace: Namespace, mutation: Mutation): Promise<Mutation> {
  if (isMinted(mutation)) return mutation
  const id = mutationId(mutation)
  const copy = await parts.secondary.getEntry(namespace, id)
  if (copy === undefined) return mutation
  if (!(await wasInPrimary(parts.secondary, namespace, copy.entry))) {
    const at = mutation.kind === 'put' ? (mutation.draft.updated_at ?? mutation.draft.timestamp) : mutation.at
    await ensureInPrimary(parts, namespace, { id, at })
  }
  const carried = mutation.expect.kind === 'etag' ? await carryOver(parts, namespace, copy) : copy
  return mutation.kind === 'put' && carried !== undefined
    ? { ...mutation, rev: Math.max(mutation.rev ?? 1, carried.entry.rev + 1) }
    : mutation
}

/** Copies the last state of each record; what an earlier call had decided, or somebody else, is looked up. */
async function copyOutcomes(
  parts: HybridParts,
  backlog: CopyBacklog,
  namespace: Namespace,
  decided: {
    readonly mutations: readonly (readonly Mutation[])[]
    readonly outcomes: readonly NumberedOutcome[]
  },
): Promise<readonly NumberedOutcome[]> {
  const last = new Map<string, { readonly mutation: Mutation; readonly entry: ManifestEntry | undefined }>()
  for (const [index, mutations] of decided.mutations.entries()) {
    const outcome = decided.outcomes[index]
    const entries = outcome?.kind === 'committed' ? outcome.entries : undefined
    for (const [place, mutation] of mutations.entries())
      last.set(mutationId(mutation), { mutation, entry: entries?.[place] })
  }
  const known = [...last.values()].flatMap(({ mutation, entry }) => (entry ? [{ mutation, entry }] : []))
  const agreed = await copyCommitted(
    parts,
    namespace,
    known.map(({ mutation }) => mutation),
    known.map(({ entry }) => inPrimary({ entry, storedIn: 'r2', pending: false })),
  )
  for (const [id, { entry }] of last) {
    if (entry === undefined) await copyUnlessUnreadable(parts, backlog, namespace, id)
  }
  return withRaised(decided.outcomes, new Map(agreed.map(({ entry }, index) => [known[index]?.entry, entry])))
}

/** A body that the primary has lost, or that is damaged, no later try would copy either: it holds up none of what comes behind it. */
async function copyUnlessUnreadable(
  parts: HybridParts,
  backlog: CopyBacklog,
  namespace: Namespace,
  id: string,
): Promise<void> {
  try {
    await copyAgain(parts, namespace, id)
  } catch (error) {
    if (!hasErrorCode(error, 'CORRUPT')) throw error
    backlog.add([recordKey(namespace, id)], error)
  }
}

/** The outcomes, with the entries that both sides agreed on in place of those that were raised. */
function withRaised(
  outcomes: readonly NumberedOutcome[],
  agreed: ReadonlyMap<ManifestEntry | undefined, ManifestEntry>,
): readonly NumberedOutcome[] {
  return outcomes.map((outcome) =>
    outcome.kind === 'committed' && outcome.entries !== undefined
      ? { ...outcome, entries: outcome.entries.map((entry) => agreed.get(entry) ?? entry) }
      : outcome,
  )
}
