import { hasErrorCode, isUmbraError, retryDelayMs } from '@umbra/core'
import type { ManifestEntry, Mutation, Namespace, StoredEntry, UmbraError } from '@umbra/core'
import { decideRecord } from './decide-record.ts'
import type { SettledDecision } from './decide-record.ts'
import { loadRevision } from './load-revision.ts'
import type { LoadedRevision } from './load-revision.ts'
import type { MigrationContext } from './migration-context.ts'
import { addSent, copyOf, settleEqual } from './version-bases.ts'

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
    const current = (await unlessFull(addSent(context.source, namespace, entries))) ?? new Set(entries)
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
  { source, target, onEqual }: MigrationContext,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
): Promise<void> {
  for (const side of [source, target]) await unlessFull(settleEqual(side, namespace, entries))
  await onEqual(namespace, entries)
}

/** Undefined when the disk is full: it must stay possible to leave it, and nothing can be changed there either that would count on it. */
async function unlessFull<T>(writing: Promise<T>): Promise<T | undefined> {
  try {
    return await writing
  } catch (error) {
    if (isUmbraError(error) && error.details['sqliteCode'] === 'SQLITE_FULL') return undefined
    throw error
  }
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
    try {
      await context.target.commit(namespace, left.map(toMutation))
      break
    } catch (error) {
      if (tries >= MAX_TRIES || !mayBeRepeated(error)) throw error
      if (!hasErrorCode(error, 'PRECONDITION_FAILED')) {
        await context.clock.sleep(retryDelayMs(RETRY_POLICY, tries, 1), context.signal)
      }
      const decisions = await decideAgain(context, namespace, left)
      overtaken.push(
        ...left.flatMap(({ stored: { entry } }) => {
          const decision = decisions.get(entry.id)
          return decision === undefined ? [] : [{ entry, decision }]
        }),
      )
      left = left.filter(({ stored }) => !decisions.has(stored.entry.id))
    }
  }
  return { copied: left.map(({ stored }) => stored.entry), overtaken }
}

/** Either it was rejected, or repeating it does no harm: a copy that landed is as new as itself, so is not older. */
function mayBeRepeated(error: unknown): error is UmbraError {
  return (
    hasErrorCode(error, 'PRECONDITION_FAILED', 'OUTCOME_PENDING') || (isUmbraError(error) && error.retryable)
  )
}

/** Of those that need not be copied any more, by id, why: another writer, or an earlier try of ours, was faster. */
async function decideAgain(
  { target }: MigrationContext,
  namespace: Namespace,
  revisions: readonly LoadedRevision[],
): Promise<ReadonlyMap<string, SettledDecision>> {
  const ids = revisions.map(({ stored }) => stored.entry.id)
  const [currents, deletions] = await Promise.all([
    Promise.all(ids.map((id) => target.getEntry(namespace, id))),
    target.inventory.findDeletions(namespace, ids),
  ])
  const decisions = new Map<string, SettledDecision>()
  for (const [index, { stored }] of revisions.entries()) {
    const { entry } = stored
    const decision = decideRecord({
      source: entry,
      target: currents[index]?.entry,
      deletedInSource: undefined,
      deletedInTarget: deletions.get(entry.id),
    })
    if (decision !== 'copy' && decision !== 'delete') decisions.set(entry.id, decision)
  }
  return decisions
}

function toMutation({ stored: { entry }, body }: LoadedRevision): Mutation {
  const { key: _key, etag: _etag, rev, op: _op, ...draft } = entry
  return { kind: 'put', draft, body, rev, expect: { kind: 'older', rev }, ...copyOf(entry) }
}
