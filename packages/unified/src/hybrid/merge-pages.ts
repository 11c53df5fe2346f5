import { compareEntries } from '@umbra/core'
import type { EntryPosition, EntryQuery, Page, StoredEntry } from '@umbra/core'
import { inPrimary, inSecondary } from './hybrid-parts.ts'

export interface MergedPages {
  /** In order; of an id that both have, the primary's. */
  readonly items: readonly StoredEntry[]
  /** Where to go on; undefined when neither has more. */
  readonly end: EntryPosition | undefined
}

/**
 * Two pages that start at the same position as one. A page that is not the last says nothing about what comes after
 * its end, so the result ends where the first such page ends.
 */
export function mergePages(
  primary: Page<StoredEntry>,
  secondary: Page<StoredEntry>,
  order: EntryQuery['order'],
): MergedPages {
  const compare = compareEntries(order)
  const ends = [primary, secondary].flatMap((page) => endOf(page) ?? [])
  const [end] = ends.sort(compare)
  const known = new Set(primary.items.map(({ entry }) => entry.id))
  const items = [
    ...primary.items.map(inPrimary),
    ...secondary.items.filter(({ entry }) => !known.has(entry.id)).map(inSecondary),
  ]
    .filter(({ entry }) => end === undefined || compare(entry, end) <= 0)
    .sort((a, b) => compare(a.entry, b.entry))
  return { items, end: end && { timestamp: end.timestamp, id: end.id } }
}

function endOf(page: Page<StoredEntry>): EntryPosition | undefined {
  return page.cursor === undefined ? undefined : page.items.at(-1)?.entry
}
