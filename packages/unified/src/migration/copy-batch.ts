import { recordEtag } from '@umbra/core'
import type { Expectation, ManifestEntry, Mutation, Namespace, StoredEntry } from '@umbra/core'
import { judgeRecord } from './judge-record.ts'
import type { SettledDecision } from './decide-record.ts'
import { loadRevision } from './load-revision.ts'
import type { LoadedRevision } from './load-revision.ts'
import type { MigrationContext } from './migration-context.ts'
import { noteEqual } from './note-equal.ts'
import { addSent, copyOf } from './version-bases.ts'
import { isRefused, MAX_TRIES, waitToRepeat } from './wait-to-repeat.ts'

/** A revision to be copied, over what the target had when that was decided. */
export interface Copy {
  readonly stored: StoredEntry
  readonly over: ManifestEntry | undefined
}

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

/** Copies these revisions as they are, in one commit. */
export async function copyBatch(
  context: MigrationContext,
  namespace: Namespace,
  batch: readonly Copy[],
): Promise<BatchOutcome> {
  const loads = await Promise.allSettled(
    batch.map(({ stored }) => context.bodyLimit(() => loadRevision(context.source, stored))),
  )
  const outcomes = loads.flatMap((load) => (load.status === 'fulfilled' ? [load.value] : []))
  const loaded = outcomes.flatMap((outcome) => (outcome.kind === 'loaded' ? [outcome.revision] : []))
  try {
    const failed = loads.find((load) => load.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const sent = await noteSent(context, namespace, loaded)
    const over = new Map(batch.map((one) => [one.stored.entry.id, one.over]))
    const { copied, overtaken, ...committed } = await commitRevisions(context, namespace, sent, over)
    await noteEqual(context, namespace, [...copied, ...overtaken.filter(isAlike).map(({ entry }) => entry)])
    const goneBefore = outcomes.filter(({ kind }) => kind === 'moved').length
    const moved = goneBefore + (loaded.length - sent.length) + committed.moved
    const unconvertible = outcomes.flatMap((outcome, index) => {
      const entry = batch[index]?.stored.entry
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

/** What hybrid must know before a commit, should nothing be heard of it. Resolves to what is still to be sent. */
async function noteSent(
  { source, target, isHybrid, onEqual }: MigrationContext,
  namespace: Namespace,
  loaded: readonly LoadedRevision[],
): Promise<readonly LoadedRevision[]> {
  if (!isHybrid) return loaded
  const entries = loaded.map(({ stored }) => stored.entry)
  const current = await addSent(source, namespace, entries)
  // R2 has what it lists: a copy in SQLite that is not known to be one would outlive its deletion there.
  if (target.bases !== undefined) await onEqual(namespace, entries)
  return loaded.filter(({ stored }) => current.has(stored.entry))
}

/** Ours, whose answer was lost, or another writer's: no later pass looks at it unless this one copied something else. */
function isAlike({ decision }: Overtaken): boolean {
  return decision === 'alreadyThere'
}

async function commitRevisions(
  context: MigrationContext,
  namespace: Namespace,
  revisions: readonly LoadedRevision[],
  over: ReadonlyMap<string, ManifestEntry | undefined>,
): Promise<Pick<BatchOutcome, 'copied' | 'overtaken' | 'moved'>> {
  let left = revisions
  let targets = over
  let moved = 0
  let isRefusedAgain = false
  const overtaken: Overtaken[] = []
  for (let tries = 1; left.length > 0; tries++) {
    context.signal?.throwIfAborted()
    try {
      const mutations = left.map((one) => toMutation(one, context, targets.get(one.stored.entry.id)))
      await context.target.commit(namespace, mutations)
      break
    } catch (error) {
      if (tries >= MAX_TRIES && isRefused(error)) return { copied: [], overtaken, moved: moved + left.length }
      await waitToRepeat(context, error, tries)
      isRefusedAgain = tries > 1 && isRefused(error)
    }
    const again = await decideAgain(context, namespace, left)
    left = again.left
    targets = again.targets
    moved += again.moved
    overtaken.push(...again.overtaken)
    if (!isRefusedAgain || left.length < 2) continue
    // Others keep changing some of them: of fewer at a time each half is less likely to be met.
    const middle = Math.ceil(left.length / 2)
    const first = await commitRevisions(context, namespace, left.slice(0, middle), targets)
    const second = await commitRevisions(context, namespace, left.slice(middle), targets)
    return {
      copied: [...first.copied, ...second.copied],
      overtaken: [...overtaken, ...first.overtaken, ...second.overtaken],
      moved: moved + first.moved + second.moved,
    }
  }
  return { copied: left.map(({ stored }) => stored.entry), overtaken, moved }
}

interface DecidedAgain extends Pick<BatchOutcome, 'overtaken' | 'moved'> {
  /** What is to be copied all the same. */
  readonly left: readonly LoadedRevision[]
  /** What the target has now. */
  readonly targets: ReadonlyMap<string, ManifestEntry>
}

/** Another writer, or an earlier try of ours, was faster. */
async function decideAgain(
  context: MigrationContext,
  namespace: Namespace,
  revisions: readonly LoadedRevision[],
): Promise<DecidedAgain> {
  const { target } = context
  const ids = revisions.map(({ stored }) => stored.entry.id)
  const [currents, deletions] = await Promise.all([
    Promise.all(ids.map((id) => target.getEntry(namespace, id))),
    target.inventory.findDeletions(namespace, ids),
  ])
  const left: LoadedRevision[] = []
  const overtaken: Overtaken[] = []
  let moved = 0
  for (const [index, revision] of revisions.entries()) {
    const { entry } = revision.stored
    const decision = await judgeRecord(context, namespace, {
      source: entry,
      target: currents[index]?.entry,
      deletedInSource: undefined,
      deletedInTarget: deletions.get(entry.id),
    })
    if (decision === 'moved') moved++
    else if (decision === 'copy' || decision === 'delete') left.push(revision)
    else overtaken.push({ entry, decision })
  }
  const targets = new Map(currents.flatMap((current) => (current ? [[current.entry.id, current.entry]] : [])))
  return { left, overtaken, moved, targets }
}

function toMutation(
  { stored: { entry }, body }: LoadedRevision,
  { isHybrid }: MigrationContext,
  over: ManifestEntry | undefined,
): Mutation {
  const { key: _key, etag: _etag, rev, op: _op, ...draft } = entry
  // The higher revision wins, whatever others write meanwhile; in hybrid mode only over what it was judged by.
  const expect: Expectation = !isHybrid
    ? { kind: 'older', rev }
    : over === undefined
      ? { kind: 'older', rev, isLive: false }
      : { kind: 'etag', etag: recordEtag(over) }
  return { kind: 'put', draft, body, rev, expect, ...(isHybrid && copyOf(entry)) }
}
