import { decodeCursor, encodeCursor, selectEntries } from '@umbra/core'
import type { EntryQuery, Namespace, Page, StoredEntry } from '@umbra/core'
import { inSecondary } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { mergePages } from './merge-pages.ts'
import { wasDeleted } from './deletion-note.ts'
import { mayHaveId } from './primary-note.ts'
import { findRecord } from './secondary-only.ts'

/** Records that are only in the secondary are looked up in the primary this many at a time. */
const PARALLEL_LOOKUPS = 32

/** One page over both: everything in the primary, and what is only in the secondary. */
export async function findInBoth(
  parts: HybridParts,
  namespace: Namespace,
  query: EntryQuery,
): Promise<Page<StoredEntry>> {
  const found: StoredEntry[] = []
  for (let next: EntryQuery | undefined = query; next !== undefined;) {
    // The secondary first: what it has and the primary, asked later, has not is either only there or was deleted.
    const copies = await parts.secondary.findEntries(namespace, next)
    const truth = await parts.primary.findEntries(namespace, next)
    const { items, end } = mergePages(truth, copies, query.order)
    found.push(...(await settle(parts, namespace, query, items)))
    if (found.length > query.limit || (end !== undefined && found.length === query.limit)) {
      return cutPage(found, query)
    }
    next = end && { ...query, after: end }
  }
  return { items: found }
}

/** One page of the secondary alone, without copies of deleted records. Empty only when there are no more. */
export async function findInSecondary(
  { secondary }: HybridParts,
  namespace: Namespace,
  query: EntryQuery,
): Promise<Page<StoredEntry>> {
  for (let next = query; ;) {
    const page = await secondary.findEntries(namespace, next)
    const deleted = await Promise.all(page.items.map(({ entry }) => wasDeleted(secondary, namespace, entry)))
    const items = page.items.filter((_, index) => deleted[index] === false).map(inSecondary)
    if (items.length > 0 || page.cursor === undefined) return { ...page, items }
    next = { ...query, after: decodeCursor(page.cursor, query.order) }
  }
}

function cutPage(found: readonly StoredEntry[], { limit, order }: EntryQuery): Page<StoredEntry> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(last !== undefined && { cursor: encodeCursor(order, last.entry) }) }
}

/** What is true of entries of which some came only from the secondary's page. */
async function settle(
  parts: HybridParts,
  namespace: Namespace,
  query: EntryQuery,
  items: readonly StoredEntry[],
): Promise<StoredEntry[]> {
  const settled: (StoredEntry | undefined)[] = []
  for (let start = 0; start < items.length; start += PARALLEL_LOOKUPS) {
    const some = items.slice(start, start + PARALLEL_LOOKUPS)
    settled.push(...(await Promise.all(some.map((stored) => settleOne(parts, namespace, query, stored)))))
  }
  return settled.filter((stored) => stored !== undefined)
}

async function settleOne(
  parts: HybridParts,
  namespace: Namespace,
  query: EntryQuery,
  stored: StoredEntry,
): Promise<StoredEntry | undefined> {
  if (stored.storedIn !== 'sqlite') return stored
  const { id, timestamp } = stored.entry
  // A filter may have left out the primary's newer revision; without one, the primary would have returned it, unless it has another
  // record with this id, elsewhere in the order.
  const filtered = query.match !== undefined || query.metadata !== undefined || query.dataFormat !== undefined
  if (!filtered && !(await mayHaveId(parts.secondary, namespace, id))) return stored
  const current = await findRecord(parts, namespace, id)
  // Another record that uses the id again stands elsewhere in the order; here it would end the page beyond what lies between.
  if (current?.entry.timestamp !== timestamp) return undefined
  // Usually a newer revision, which does not match; or it was copied to the primary since its page was read.
  return selectEntries([current.entry], query).entries.length > 0 ? current : undefined
}
