import { encodeCursor, selectEntries } from '@umbra/core'
import type { EntryQuery, ManifestEntry, Namespace, Page, StoredEntry } from '@umbra/core'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { createCandidateSources } from './entry-candidates.ts'
import { toEntry, toStored } from './record-row.ts'
import type { RecordStatements } from './record-statements.ts'

/** Candidates read at a time, at first and when those were not enough. Ours: a page is a few hundred at most. */
const FIRST_BATCH = 200
const NEXT_BATCH = 1000

/** When fewer of the loose candidates match, the index is faster although it reads all postings. Ours, measured. */
const WORTHWHILE_SHARE = 0.02

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
  const { loose, narrow } = createCandidateSources(db, namespacePk, query)
  const found: ManifestEntry[] = []
  let source = loose
  let after = query.after
  for (let size = Math.max(query.limit + 1, FIRST_BATCH); ; size = Math.max(size, NEXT_BATCH)) {
    const { rows, more } = source(after, size)
    const entries = rows.map((row) => toEntry(row, namespace))
    const matches = selectEntries(entries, { ...query, limit: entries.length }).entries
    found.push(...matches)
    if (!more || found.length > query.limit) return found
    if (matches.length < entries.length * WORTHWHILE_SHARE) source = narrow
    after = entries.at(-1)
  }
}
