import { encodeCursor, selectEntries } from '@umbra/core'
import type { EntryQuery, ManifestEntry, Namespace, Page, StoredEntry } from '@umbra/core'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { createCandidateSource } from './entry-candidates.ts'
import { toEntry, toStored } from './record-row.ts'
import type { RecordStatements } from './record-statements.ts'

/** Rows read at a time once the first candidates were not enough. Ours: a few megabytes at most. */
const MIN_BATCH = 1000

/**
 * One page of live entries. SQL narrows the candidates down; which of them match is decided by core, so that the answer is
 * the same as on every other backend.
 */
export function findEntries(
  db: BetterSQLite3Database,
  statements: RecordStatements,
  namespace: Namespace,
  query: EntryQuery,
): Page<StoredEntry> {
  // One read transaction: all batches see the same moment.
  const found = db.transaction(() => {
    const row = statements.findNamespace.get({ module: namespace.module, userId: namespace.userId })
    return row === undefined ? [] : collectMatches(db, row.pk, namespace, query)
  })
  const items = found.slice(0, query.limit)
  const last = items.at(-1)
  return {
    items: items.map(toStored),
    ...(found.length > query.limit && last !== undefined && { cursor: encodeCursor(query.order, last) }),
  }
}

/** The first matches after the query's position, at least one more than the limit if there are that many. */
function collectMatches(
  db: BetterSQLite3Database,
  namespacePk: number,
  namespace: Namespace,
  query: EntryQuery,
): ManifestEntry[] {
  const nextCandidates = createCandidateSource(db, namespacePk, query)
  const found: ManifestEntry[] = []
  let after = query.after
  for (let size = query.limit + 1; ; size = Math.max(size, MIN_BATCH)) {
    const { rows, more } = nextCandidates(after, size)
    const entries = rows.map((row) => toEntry(row, namespace))
    found.push(...selectEntries(entries, { ...query, limit: entries.length }).entries)
    if (!more || found.length > query.limit) return found
    after = entries.at(-1)
  }
}
