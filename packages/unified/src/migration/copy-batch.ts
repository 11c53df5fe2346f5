import { hasErrorCode, isUmbraError, recordEtag, retryDelayMs } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace, StoredEntry, UmbraError } from '@umbra/core'
import { decideRecord } from './decide-record.ts'
import type { SettledDecision } from './decide-record.ts'
import { loadRevision } from './load-revision.ts'
import type { LoadedRevision } from './load-revision.ts'
import type { MigrationContext } from './migration-context.ts'
import { addSent, basesOf, copyOf, isDiverged, settleEqual } from './version-bases.ts'

export interface BatchOutcome {
  readonly copied: readonly ManifestEntry[]
  readonly unconvertible: readonly { readonly entry: ManifestEntry; readonly reason: string }[]
  /** Not older in the target after all: what is to be said of them instead. */
  readonly overtaken: readonly Overtaken[]
  /** Changed in the source since they were listed: for the next pass. */
  readonly moved: number
}

export interface Overtaken {
  readonly entry: ManifestEntry
  readonly decision: SettledDecision
}

/** Tries of a batch the target did not take. Each means another writer in it, or a store that does not answer. */
const MAX_TRIES = 8

const RETRY_POLICY = { maxAttempts: MAX_TRIES, baseDelayMs: 200, maxDelayMs: 10_000 }

/** Copies these revisions as they are, in one commit. */
export async function copyBatch(
  context: MigrationContext,
  namespace: Namespace,
  batch: readonly StoredEntry[],
): Promise<BatchOutcome> {
  const loads = await Promise.allSettled(
    batch.map((stored) => context.bodyLimit(() => loadRevision(context.source, stored))),
  )
  const outcomes = loads.flatMap((load) => (load.status === 'fulfilled' ? [load.value] : []))
  const loaded = outcomes.flatMap((outcome) => (outcome.kind === 'loaded' ? [outcome.revision] : []))
  try {
    const failed = loads.find((load) => load.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const entries = loaded.map(({ stored }) => stored.entry)
    const current = context.isHybrid ? await addSent(context.source, namespace, entries) : new Set(entries)
    const sent = loaded.filter(({ stored }) => current.has(stored.entry))
    const { copied, overtaken } = await commitRevisions(context, namespace, sent)
    await noteEqual(context, namespace, [...copied, ...overtaken.filter(isAlike).map(({ entry }) => entry)])
    const moved = outcomes.filter(({ kind }) => kind === 'moved').length + loaded.length - sent.length
    const unconvertible = outcomes.flatMap((outcome, index) => {
      const entry = batch[index]?.entry
      return outcome.kind === 'unconvertible' && entry !== undefined
        ? [{ entry, reason: outcome.reason }]
        : []
    })
    return { copied, overtaken, unconvertible, moved }
  } finally {
    // The outcome stands whether or not a temporary file can be removed.
    await Promise.allSettled(loaded.map(({ body }) => body.dispose()))
  }
}

/** Of entries that are the same on both sides: copied, or found so. */
export async function noteEqual(
  { source, target, isHybrid, onEqual }: MigrationContext,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
): Promise<void> {
  if (isHybrid) for (const side of [source, target]) await settleEqual(side, namespace, entries)
  await onEqual(namespace, entries)
}

/** Ours, whose answer was lost, or another writer's: no later pass looks at it unless this one copied something else. */
function isAlike({ decision }: Overtaken): boolean {
  return decision === 'alreadyThere'
}

async function commitRevisions(
  context: MigrationContext,
  namespace: Namespace,
  revisions: readonly LoadedRevision[],
): Promise<Pick<BatchOutcome, 'copied' | 'overtaken'>> {
  let left = revisions
  const overtaken: Overtaken[] = []
  for (let tries = 1; left.length > 0; tries++) {
    // What both halves of a hybrid have may have been changed in both since it was listed.
    const isAsked = tries > 1 || context.isHybrid
    const { decisions, targets } = isAsked ? await decideAgain(context, namespace, left) : NOTHING_NEW
    overtaken.push(
      ...left.flatMap(({ stored: { entry } }) => {
        const decision = decisions.get(entry.id)
        return decision === undefined ? [] : [{ entry, decision }]
      }),
    )
    left = left.filter(({ stored }) => !decisions.has(stored.entry.id))
    if (left.length === 0) break
    try {
      await context.target.commit(
        namespace,
        left.map((one) => toMutation(one, context, targets.get(one.stored.entry.id))),
      )
      break
    } catch (error) {
      if (tries >= MAX_TRIES || !mayBeRepeated(error)) throw error
      if (!isRefused(error)) await context.clock.sleep(retryDelayMs(RETRY_POLICY, tries, 1), context.signal)
    }
  }
  return { copied: left.map(({ stored }) => stored.entry), overtaken }
}

/** Either it was rejected, or repeating it does no harm: a copy that landed is as new as itself, so is not older. */
function mayBeRepeated(error: unknown): error is UmbraError {
  return (
    isRefused(error) || hasErrorCode(error, 'OUTCOME_PENDING') || (isUmbraError(error) && error.retryable)
  )
}

/** Another writer was faster: there is nothing to wait for. */
function isRefused(error: unknown): boolean {
  return hasErrorCode(error, 'PRECONDITION_FAILED', 'NOT_FOUND')
}

interface DecidedAgain {
  /** Of those that need not be copied any more, by id, why: another writer, or an earlier try of ours, was faster. */
  readonly decisions: ReadonlyMap<string, SettledDecision>
  /** What the target has now. */
  readonly targets: ReadonlyMap<string, ManifestEntry>
}

const NOTHING_NEW: DecidedAgain = { decisions: new Map(), targets: new Map() }

async function decideAgain(
  { source, target, isHybrid }: MigrationContext,
  namespace: Namespace,
  revisions: readonly LoadedRevision[],
): Promise<DecidedAgain> {
  const ids = revisions.map(({ stored }) => stored.entry.id)
  const [currents, deletions] = await Promise.all([
    Promise.all(ids.map((id) => target.getEntry(namespace, id))),
    target.inventory.findDeletions(namespace, ids),
  ])
  const decisions = new Map<string, SettledDecision>()
  const targets = new Map<string, ManifestEntry>()
  for (const [index, { stored }] of revisions.entries()) {
    const { entry } = stored
    const there = currents[index]?.entry
    if (there !== undefined) targets.set(entry.id, there)
    if (
      there !== undefined &&
      isHybrid &&
      isDiverged((await basesOf(source, namespace, entry)) ?? [], there)
    ) {
      decisions.set(entry.id, 'diverged')
      continue
    }
    const decision = decideRecord({
      source: entry,
      target: there,
      deletedInSource: undefined,
      deletedInTarget: deletions.get(entry.id),
    })
    if (decision !== 'copy' && decision !== 'delete') decisions.set(entry.id, decision)
  }
  return { decisions, targets }
}

function toMutation(
  { stored: { entry }, body }: LoadedRevision,
  { isHybrid }: MigrationContext,
  target: ManifestEntry | undefined,
): Mutation {
  const { key: _key, etag: _etag, rev, op: _op, ...draft } = entry
  // Elsewhere the higher revision wins, whatever others write meanwhile.
  const expect =
    isHybrid && target
      ? ({ kind: 'etag', etag: recordEtag(target) } as const)
      : ({ kind: 'older', rev } as const)
  return { kind: 'put', draft, body, rev, expect, ...(isHybrid && copyOf(entry)) }
}
