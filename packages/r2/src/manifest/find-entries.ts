import { selectEntries } from '@umbra/core'
import type { EntryPosition, EntryQuery, ManifestEntry, PartPointer, SearchExpression } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'
import { mergeSorted } from './merge-sorted.ts'
import type { SortedSource } from './merge-sorted.ts'
import { mayHold } from './part-range.ts'
import type { RunScan } from './run-format.ts'
import type { Snapshot } from './snapshot.ts'

/** Rows of a run asked for beyond a page, and then at a time: more each time, since a filter that rejects most will do so again. */
const FIRST_CHUNK_ROWS = 64
const MAX_CHUNK_ROWS = 8_192

export interface FoundEntries {
  readonly entries: readonly ManifestEntry[]
  /** Whether more entries match after the last one returned. */
  readonly more: boolean
}

/**
 * One page of a snapshot's live entries. Runs are read in order, a chunk at a time, and never whole: the page is merged
 * from what is in memory (tail and segments) and from each run; an entry that a newer part replaced is left out.
 */
export async function findEntries(
  snapshot: Snapshot,
  query: EntryQuery,
  context: Pick<ManifestContext, 'segments' | 'runs'>,
): Promise<FoundEntries> {
  const { parts } = snapshot.version.head
  const overlay = await readOverlay(snapshot, context)
  const runs = parts.flatMap((part, ordinal) => (part._ === 'run' && overlaps(part, query) ? [ordinal] : []))
  const sources: SortedSource[] = [
    { bound: undefined, entries: () => overlayEntries(overlay, query) },
    ...runs.map((ordinal) => ({
      bound: parts[ordinal]?.at[query.order === 'oldest' ? 0 : 1],
      entries: () => runEntries({ snapshot, ordinal, overlay, query, context }),
    })),
  ]
  const entries: ManifestEntry[] = []
  for await (const entry of mergeSorted(sources, query.order)) {
    if (entries.length === query.limit) return { entries, more: true }
    entries.push(entry)
  }
  return { entries, more: false }
}

/** What tail and segments say of each id, and how new the part is that says so. */
type Overlay = ReadonlyMap<string, { readonly entry: ManifestEntry; readonly ordinal: number }>

async function readOverlay(
  snapshot: Snapshot,
  { segments }: Pick<ManifestContext, 'segments'>,
): Promise<Overlay> {
  const { parts } = snapshot.version.head
  const overlay = new Map<string, { entry: ManifestEntry; ordinal: number }>()
  const read = await Promise.all(
    parts.map(async (part) =>
      part._ === 'seg' ? (await segments.read(snapshot.namespace, part)).newest : undefined,
    ),
  )
  for (const [ordinal, entries] of [...read, snapshot.tail].entries()) {
    for (const [id, entry] of entries ?? []) overlay.set(id, { entry, ordinal })
  }
  return overlay
}

function overlayEntries(overlay: Overlay, query: EntryQuery): ManifestEntry[] {
  return selectEntries(
    Array.from(overlay.values(), ({ entry }) => entry),
    { ...query, limit: Number.POSITIVE_INFINITY },
  ).entries
}

interface RunRead {
  readonly snapshot: Snapshot
  readonly ordinal: number
  readonly overlay: Overlay
  readonly query: EntryQuery
  readonly context: Pick<ManifestContext, 'runs'>
}

/** The entries of one run that match and are still current, in order. */
async function* runEntries(read: RunRead): AsyncGenerator<ManifestEntry> {
  const { snapshot, ordinal, query, context } = read
  const part = snapshot.version.head.parts[ordinal]
  if (part === undefined) return
  let limit = Math.min(MAX_CHUNK_ROWS, query.limit + FIRST_CHUNK_ROWS)
  let after = query.after
  for (;;) {
    const scan = toScan(query, after, limit)
    const chunk = await snapshot.use(part, (local) => collect(context.runs.scan(local, scan)))
    const matching = selectEntries(chunk, { ...query, limit: chunk.length + 1 }).entries
    yield* await withoutReplaced(matching, read)
    const last = chunk.at(-1)
    if (chunk.length < limit || last === undefined) return
    after = { timestamp: last.timestamp, id: last.id }
    limit = Math.min(MAX_CHUNK_ROWS, limit * 4)
  }
}

/** Leaves out what a newer part says something else of. */
async function withoutReplaced(
  entries: readonly ManifestEntry[],
  { snapshot, ordinal, overlay }: RunRead,
): Promise<readonly ManifestEntry[]> {
  let current = entries.filter(({ id }) => (overlay.get(id)?.ordinal ?? -1) < ordinal)
  for (const part of snapshot.version.head.parts.slice(ordinal + 1)) {
    if (part._ === 'seg' || current.length === 0) continue
    const possible = current.map(({ id }) => id).filter((id) => mayHold(part, id))
    if (possible.length === 0) continue
    const newer = await snapshot.entriesIn(part, possible)
    current = current.filter(({ id }) => !newer.has(id))
  }
  return current
}

/** Whether a part can hold entries of the asked time. */
function overlaps({ at: [first, last] }: PartPointer, { from, to, after, order }: EntryQuery): boolean {
  if (from !== undefined && last < from) return false
  if (to !== undefined && first >= to) return false
  if (after === undefined) return true
  return order === 'oldest' ? last >= after.timestamp : first <= after.timestamp
}

function toScan(query: EntryQuery, after: EntryPosition | undefined, limit: number): RunScan {
  const { order, from, to, dataFormat, match } = query
  return {
    order,
    limit,
    ...(after && { after }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(dataFormat !== undefined && { dataFormat }),
    ...(match && { containing: requiredTexts(match) }),
  }
}

/** What an entry's text must contain for the search to hold; finding more than that is the matcher's task. */
function requiredTexts(match: SearchExpression): string[] {
  if (match.mode === 'substring') return [match.needle]
  return match.terms.flatMap((term) =>
    term.kind === 'phrase' && !term.negated ? [term.tokens.join(' ')] : [],
  )
}

async function collect(entries: AsyncIterable<ManifestEntry>): Promise<readonly ManifestEntry[]> {
  const collected: ManifestEntry[] = []
  for await (const entry of entries) collected.push(entry)
  return collected
}
