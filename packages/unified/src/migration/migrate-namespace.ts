import { compareEntries, recordEtag } from '@umbra/core'
import type { ManifestEntry, Namespace, StoredEntry } from '@umbra/core'
import { copyBatch } from './copy-batch.ts'
import type { Copy } from './copy-batch.ts'
import { judgeRecord } from './judge-record.ts'
import type { RecordDecision } from './decide-record.ts'
import { listEntries } from './list-entries.ts'
import { inGroups, mergeOrdered } from './merge-ordered.ts'
import type { Pair } from './merge-ordered.ts'
import type { MigrationContext } from './migration-context.ts'
import { noteEqual } from './note-equal.ts'
import { PassTally } from './pass-tally.ts'
import { COPY_OF_DELETION } from './version-bases.ts'
import { isRefused, waitToRepeat } from './wait-to-repeat.ts'

/** Records in one commit: each writes the head of R2 once. */
const MAX_BATCH_RECORDS = 1_000
/** Bytes of bodies in one commit, and so in memory; one that is larger by itself waits in a file. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024
/** Batches of one namespace at a time: one is read while the one before is written. */
const PARALLEL_BATCHES = 2

const byPosition = compareEntries('oldest')

interface Decided {
  readonly stored: StoredEntry
  readonly over: ManifestEntry | undefined
  readonly decision: RecordDecision
}

/** One pass over a namespace: both sides are read in the same order and compared, and what is missing is copied. */
export async function migrateNamespace(context: MigrationContext, namespace: Namespace): Promise<PassTally> {
  const { source, target, since } = context
  const tally = new PassTally(namespace)
  const running = new Set<Promise<void>>()
  const pairs = mergeOrdered(
    listEntries(source, namespace, since),
    listEntries(target, namespace, since),
    (a, b) => byPosition(a.entry, b.entry),
  )
  const work = async (batch: readonly Copy[]) => {
    while (running.size >= PARALLEL_BATCHES) await Promise.race(running)
    const copying = context
      .batchLimit(() => copy(context, namespace, batch, tally))
      .finally(() => running.delete(copying))
    running.add(copying)
    // Met again by the race or by the end; here only so that it is never unhandled.
    copying.catch(() => undefined)
  }
  try {
    const batcher = createBatcher(tally, work)
    for await (const group of inGroups(pairs, MAX_BATCH_RECORDS)) {
      context.signal?.throwIfAborted()
      const decided = await decideGroup(context, namespace, group)
      const equal = decided.filter(({ decision }) => decision === 'alreadyThere')
      if (!context.dryRun && equal.length > 0)
        await noteEqual(
          context,
          namespace,
          equal.map(({ stored }) => stored.entry),
        )
      for (const { stored, over, decision } of decided) {
        if (decision === 'copy') await batcher.add({ stored, over })
        else if (decision === 'moved') tally.moved++
        else if (decision === 'delete') await remove(context, namespace, stored.entry, tally)
        else tally.note(stored.entry, decision)
      }
    }
    await batcher.flush()
    await Promise.all(running)
  } finally {
    await Promise.allSettled(running)
  }
  return tally
}

/** What to do about each, once it is known which of those on one side were deleted on the other. */
async function decideGroup(
  context: MigrationContext,
  namespace: Namespace,
  pairs: readonly Pair<StoredEntry>[],
): Promise<readonly Decided[]> {
  const { source, target, findDeleted } = context
  const missing = pairs.flatMap((pair) => (pair.target === undefined ? [pair.source.entry.id] : []))
  const extra = pairs.flatMap((pair) => (pair.source === undefined ? [pair.target.entry.id] : []))
  const [inTarget, inSource] = await Promise.all([
    target.inventory.findDeletions(namespace, missing),
    source.inventory.findDeletions(namespace, extra),
  ])
  // An id that was used again may stand at another place of the source's order: it is compared there.
  const moved = new Set<string>()
  await Promise.all(
    extra.map(async (id) => {
      if (!inSource.has(id) && (await source.getEntry(namespace, id)) !== undefined) moved.add(id)
    }),
  )
  const judged = await Promise.all(
    pairs.map(async (pair) => {
      const stored = pair.source ?? pair.target
      const { id } = stored.entry
      if (pair.source === undefined && moved.has(id)) return []
      const decision = await judgeRecord(context, namespace, {
        source: pair.source?.entry,
        target: pair.target?.entry,
        deletedInSource: inSource.get(id),
        deletedInTarget: inTarget.get(id),
      })
      return [{ pair, stored, over: pair.target?.entry, decision }]
    }),
  )
  const decided = judged.flat()
  const entriesOf = (some: readonly Decided[]) => some.map(({ stored }) => stored.entry)
  const onlyInSource = decided.filter(
    ({ pair, decision }) => pair.target === undefined && decision === 'copy',
  )
  const onlyInTarget = decided.filter(
    ({ pair, decision }) => pair.source === undefined && decision !== 'delete' && decision !== 'diverged',
  )
  const [leftInSource, leftInTarget] = await Promise.all([
    findDeleted(namespace, entriesOf(onlyInSource), 'source'),
    findDeleted(namespace, entriesOf(onlyInTarget), 'target'),
  ])
  return decided.map(({ pair, stored, over, decision }) => {
    const left = (pair.target === undefined ? leftInSource : leftInTarget).get(stored.entry)
    if (left === undefined) return { stored, over, decision }
    if (left === 'changed') return { stored, over, decision: 'diverged' }
    return { stored, over, decision: pair.target === undefined ? 'deletedInTarget' : 'delete' }
  })
}

async function copy(
  context: MigrationContext,
  namespace: Namespace,
  batch: readonly Copy[],
  tally: PassTally,
): Promise<void> {
  if (context.dryRun) {
    tally.copied(batch.map(({ stored }) => stored.entry))
    return
  }
  context.signal?.throwIfAborted()
  const outcome = await copyBatch(context, namespace, batch)
  const bytes = tally.copied(outcome.copied)
  tally.moved += outcome.moved
  for (const { entry, reason } of outcome.unconvertible) tally.unconvertible(entry, reason)
  for (const { entry, decision } of outcome.overtaken) tally.note(entry, decision)
  context.advance(batch.length, bytes)
}

/** Removes this very version: another one is a newer write, and not ours to remove. */
async function remove(
  context: MigrationContext,
  namespace: Namespace,
  entry: ManifestEntry,
  tally: PassTally,
): Promise<void> {
  const { target, isHybrid, clock, signal } = context
  if (context.dryRun) {
    tally.deleted++
    return
  }
  const at = new Date(clock.now()).toISOString()
  const expect = { kind: 'etag', etag: recordEtag(entry) } as const
  const deletion = { kind: 'delete', id: entry.id, expect, at, ...(isHybrid && COPY_OF_DELETION) } as const
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted()
    try {
      await target.commit(namespace, [deletion])
      tally.deleted++
      return
    } catch (error) {
      // Also by an earlier try, whose answer was lost.
      if (isRefused(error)) {
        tally.moved++
        return
      }
      await waitToRepeat(context, error, tries)
    }
  }
}

/** A record that was deleted and stored anew is listed twice: of one id a batch holds what was listed last. */
function createBatcher(tally: PassTally, work: (batch: readonly Copy[]) => Promise<void>) {
  let batch = new Map<string, Copy>()
  let bytes = 0
  const flush = async () => {
    const full = [...batch.values()]
    batch = new Map()
    bytes = 0
    if (full.length > 0) await work(full)
  }
  return {
    flush,
    async add(copying: Copy) {
      const { id, size } = copying.stored.entry
      if (bytes + size > MAX_BATCH_BYTES) await flush()
      if (batch.has(id)) tally.moved++
      batch.set(id, copying)
      bytes += size
      if (batch.size >= MAX_BATCH_RECORDS) await flush()
    },
  }
}
