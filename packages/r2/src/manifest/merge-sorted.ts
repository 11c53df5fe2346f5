import { compareEntries } from '@umbra/core'
import type { EntryQuery, ManifestEntry } from '@umbra/core'

export interface SortedSource {
  /** No entry of the source comes before this timestamp in the order; undefined when nothing is known. */
  readonly bound: string | undefined
  entries(): Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>
}

interface OpenSource {
  readonly iterator: Iterator<ManifestEntry> | AsyncIterator<ManifestEntry>
  next: ManifestEntry
}

/** Merges sorted sources into one. A source is opened only when an entry of it may be the next, and read no further than needed. */
export async function* mergeSorted(
  sources: readonly SortedSource[],
  order: EntryQuery['order'],
): AsyncGenerator<ManifestEntry, void, undefined> {
  const compare = compareEntries(order)
  // The one that may hold the first entry comes first: often no other need be opened.
  const closed = new Set([...sources].sort((a, b) => compareBounds(a.bound, b.bound, order)))
  const open: OpenSource[] = []
  try {
    for (;;) {
      const first = least(open, compare)
      const due = [...closed].find(({ bound }) => mayComeBefore(bound, first?.next, order))
      if (due !== undefined) {
        closed.delete(due)
        await start(due, open)
      } else if (first !== undefined) {
        yield first.next
        await advance(first, open)
      } else return
    }
  } finally {
    for (const { iterator } of open) await iterator.return?.()
  }
}

function least(
  open: readonly OpenSource[],
  compare: (a: ManifestEntry, b: ManifestEntry) => number,
): OpenSource | undefined {
  let first = open[0]
  for (const source of open) if (first !== undefined && compare(source.next, first.next) < 0) first = source
  return first
}

function mayComeBefore(
  bound: string | undefined,
  entry: ManifestEntry | undefined,
  order: EntryQuery['order'],
): boolean {
  if (bound === undefined || entry === undefined) return true
  return order === 'oldest' ? bound <= entry.timestamp : bound >= entry.timestamp
}

/** Sources of which nothing is known come first. */
function compareBounds(a: string | undefined, b: string | undefined, order: EntryQuery['order']): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  if (a === b) return 0
  return a < b === (order === 'oldest') ? -1 : 1
}

async function start(source: SortedSource, open: OpenSource[]): Promise<void> {
  const entries = source.entries()
  const iterator =
    Symbol.asyncIterator in entries ? entries[Symbol.asyncIterator]() : entries[Symbol.iterator]()
  const first = await iterator.next()
  if (first.done !== true) open.push({ iterator, next: first.value })
}

async function advance(source: OpenSource, open: OpenSource[]): Promise<void> {
  const following = await source.iterator.next()
  if (following.done === true) open.splice(open.indexOf(source), 1)
  else source.next = following.value
}
