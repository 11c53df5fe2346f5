import { headKey, UmbraError } from '@umbra/core'
import type {
  MaintenanceOptions,
  ManifestEntry,
  ManifestHead,
  Namespace,
  PartPointer,
  RebuildReport,
} from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { PartGone, partMissing } from '../manifest/part-gone.ts'
import { mayHold } from '../manifest/part-range.ts'
import { Snapshot } from '../manifest/snapshot.ts'
import { adoptListing } from './adopt-listing.ts'
import { LiveCount } from './count-live.ts'
import { findBase, usableParts } from './find-base.ts'
import type { FoundBase } from './find-base.ts'
import { readClaim } from './head-claim.ts'
import type { HeadClaim } from './head-claim.ts'
import { listHeadCopies } from './head-copies.ts'
import { readHeadState } from './head-state.ts'
import type { HeadState } from './head-state.ts'
import { readEntries } from './read-entries.ts'
import { RebuildDraft } from './rebuild-draft.ts'
import { withoutWrites } from './read-only-objects.ts'
import { startHeader } from './start-header.ts'
import { storeRebuiltHead } from './store-rebuilt-head.ts'
import { findStrayParts, readStrayPart } from './stray-parts.ts'

/** Entries whose ids are looked up at once. */
const BATCH = 512

/**
 * Writes a new manifest, in a new epoch, from what is left: the newest version that can be read, the parts beside it,
 * and a listing of the bodies, each of which says which revision of which record it is. Of every record the highest
 * revision found stays. See docs/recovery.md for what cannot be brought back.
 *
 * Rejects with `CONFLICT` when there is nothing to rebuild, or when the manifest changed meanwhile; then nothing was
 * replaced.
 */
export async function rebuildNamespace(
  namespace: Namespace,
  { dryRun = false }: MaintenanceOptions,
  context: ManifestContext,
): Promise<RebuildReport> {
  const work: ManifestContext = {
    ...context,
    ...(dryRun && { objects: withoutWrites(context.objects) }),
    // A body of a deleted record may lie about until the end of the rebuild.
    rules: { ...context.rules, mayDropTombstones: () => undefined },
  }
  const state = await readHeadState(namespace, work)
  if (state.kind === 'absent') throw nothingToRebuild(namespace, 'nothing was ever stored')
  const readable = 'version' in state ? { key: headKey(namespace), head: state.version.head } : undefined
  const found = await findBase(namespace, readable, work)
  if (state.kind === 'whole' && (await isSound(namespace, state.version.head, found, work)))
    throw nothingToRebuild(namespace, 'the manifest is whole')
  const draft = new RebuildDraft(namespace, await startHead(namespace, { state, found }, work), work)
  try {
    await adoptStrays(namespace, { draft, found }, work)
    const outdated = state.kind !== 'whole'
    const listed = await adoptListing(namespace, { draft, outdated }, work)
    const { head, uncertain, fromListing } = await conclude(namespace, { draft, state, found, listed }, work)
    if (!dryRun) {
      const replaces = etagOf(state)
      await storeRebuiltHead(namespace, { head, replaces }, work)
    }
    const { live: records } = head.header
    return { base: found.base?.key ?? null, records, fromListing, uncertain, dryRun }
  } catch (error) {
    throw error instanceof PartGone ? partMissing(error) : error
  } finally {
    if (dryRun) await draft.forget()
  }
}

async function isSound(
  namespace: Namespace,
  head: ManifestHead,
  { base }: FoundBase,
  context: ManifestContext,
): Promise<boolean> {
  if (base?.head !== head || base.defects.length > 0) return false
  const live = new LiveCount()
  for await (const _ of live.count(readEntries(namespace, head, context))) continue
  return live.records === head.header.live && live.sum === head.header.sum
}

async function startHead(
  namespace: Namespace,
  { state, found }: { readonly state: HeadState; readonly found: FoundBase },
  context: ManifestContext,
): Promise<ManifestHead> {
  const { base, versions } = found
  const now = context.clock.now()
  const strays = await findStrayParts(namespace, { base: undefined, versions: [] }, context)
  const copies = await listHeadCopies(namespace, context)
  const header = startHeader(namespace, {
    versions,
    claimedEpoch: claimOf(state)?.epoch,
    highestSeq: Math.max(0, copies[0]?.seq ?? 0, ...strays.map(({ seq }) => seq[1])),
    freshId: context.ids.next(now),
    at: new Date(now).toISOString(),
    safeFloor: state.kind === 'whole' ? null : new Date(now - context.limits.graceMs).toISOString(),
  })
  return {
    header,
    parts: base === undefined ? [] : usableParts(base),
    garbage: base?.head.garbage,
    tail: base?.head.tail ?? [],
  }
}

/** Oldest first: what a part says of an id is what was current at the version it is named by. */
async function adoptStrays(
  namespace: Namespace,
  { draft, found }: { readonly draft: RebuildDraft; readonly found: FoundBase },
  context: ManifestContext,
): Promise<void> {
  // Before the draft stores parts of its own.
  for (const part of await findStrayParts(namespace, found, context)) {
    const later = new Snapshot(
      namespace,
      { head: { ...draft.head, ...laterThan(part, found) }, etag: '' },
      context,
    )
    const append = async (entries: readonly ManifestEntry[]) => {
      const replaced = await later.lookup(entries.map(({ id }) => id))
      await draft.append(entries.filter(({ id }) => !replaced.has(id)))
    }
    let batch: ManifestEntry[] = []
    for await (const entry of readStrayPart(namespace, part, context)) {
      if (batch.push(entry) < BATCH) continue
      await append(batch)
      batch = []
    }
    await append(batch)
  }
}

/** Where the base still knows of ids something that is not older than what a part says. */
function laterThan(
  { seq: [, last] }: PartPointer,
  { base }: FoundBase,
): Pick<ManifestHead, 'parts' | 'tail'> {
  if (base === undefined || last > base.head.header.seq) return { parts: [], tail: [] }
  return { parts: usableParts(base).filter(({ seq }) => seq[1] >= last), tail: base.head.tail }
}

interface Conclusion {
  readonly draft: RebuildDraft
  readonly state: HeadState
  readonly found: FoundBase
  readonly listed: readonly string[]
}

interface Concluded {
  readonly head: ManifestHead
  readonly uncertain: readonly string[]
  readonly fromListing: number
}

/** Counts what the draft holds, and finds out of which records the fate is not known. */
async function conclude(
  namespace: Namespace,
  { draft, state, found, listed }: Conclusion,
  context: ManifestContext,
): Promise<Concluded> {
  const { header, ...rest } = await draft.finish()
  const live = new LiveCount()
  const fromListing = new Set(listed)
  const doubtful: string[] = []
  let listedRecords = 0
  for await (const { entry, current } of live.count(readEntries(namespace, { ...rest }, context))) {
    if (!current || entry.op === 'del') continue
    const isListed = fromListing.has(entry.id)
    if (isListed) listedRecords++
    if (isListed || isDoubtful(entry.id, state, found)) doubtful.push(entry.id)
  }
  const { records, sum } = live
  const head = { ...rest, header: { ...header, live: records, sum, forgotten: header.seq } }
  // The lost head's own sum over its records is also that over what was found: they are the same, to the last one.
  const witness = state.kind === 'whole' ? state.version.head.header : claimOf(state)
  const isNewest = (witness?.seq ?? 0) >= (found.base?.head.header.seq ?? 0)
  const isProved = isNewest && witness?.live === records && witness.sum === sum
  return { head, uncertain: isProved ? [] : doubtful, fromListing: listedRecords }
}

/** Whether a deletion, or a newer revision, may have been in what is lost. */
function isDoubtful(id: string, state: HeadState, { base }: FoundBase): boolean {
  // A lost tail can have held anything.
  if (state.kind !== 'whole') return true
  return base?.defects.some(({ pointer }) => mayHold(pointer, id)) ?? true
}

function claimOf(state: HeadState): HeadClaim | undefined {
  return state.kind === 'damaged' ? readClaim(state.bytes) : undefined
}

function etagOf(state: HeadState): string | undefined {
  if ('version' in state) return state.version.etag
  return state.kind === 'damaged' ? state.etag : undefined
}

function nothingToRebuild(namespace: Namespace, reason: string): UmbraError {
  const key = headKey(namespace)
  return new UmbraError('CONFLICT', `there is nothing to rebuild: ${reason}. key=${key}`, {
    details: { key, reason },
  })
}
