import type { ManifestEntry } from '../records/manifest-entry.ts'
import { createSearchMatcher } from '../search/match-entry.ts'
import { compareEntries, isAfter } from './entry-order.ts'
import type { EntryQuery } from './entry-query.ts'

export interface EntrySelection {
  readonly entries: ManifestEntry[]
  /** Whether more entries match after the last one returned. */
  readonly more: boolean
}

/**
 * What a listing or search means, over the current entry of every id: tombstones never match. Reads all entries once;
 * entries that come roughly in order, either way round, sort in linear time.
 */
export function selectEntries(entries: Iterable<ManifestEntry>, query: EntryQuery): EntrySelection {
  const matches = createFilter(query)
  const found: ManifestEntry[] = []
  for (const entry of entries) if (matches(entry)) found.push(entry)
  found.sort(compareEntries(query.order))
  return { entries: found.slice(0, query.limit), more: found.length > query.limit }
}

/** Cheap conditions first: the text is looked at last. */
function createFilter(query: EntryQuery): (entry: ManifestEntry) => boolean {
  const { after, from, to, dataFormat, order } = query
  const metadata = Object.entries(query.metadata ?? {})
  const matchesText = query.match === undefined ? () => true : createSearchMatcher(query.match)
  return (entry) =>
    entry.op === 'put' &&
    (from === undefined || entry.timestamp >= from) &&
    (to === undefined || entry.timestamp < to) &&
    (dataFormat === undefined || entry.data_type === dataFormat) &&
    (after === undefined || isAfter(entry, after, order)) &&
    metadata.every(
      ([name, value]) => Object.hasOwn(entry.metadata, name) && entry.metadata[name] === value,
    ) &&
    matchesText(entry)
}
