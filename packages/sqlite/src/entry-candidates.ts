import { compareEntries } from '@umbra/core'
import type { EntryPosition, EntryQuery } from '@umbra/core'
import { and, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { afterPosition, entryConditions, inOrder } from './entry-conditions.ts'
import { toMatchExpression } from './match-expression.ts'
import type { PhraseTerm } from './match-expression.ts'
import { ENTRY_COLUMNS } from './record-row.ts'
import type { EntryRow } from './record-row.ts'
import { records } from './schema.ts'

export interface Candidates {
  /** In the query's order. */
  readonly rows: readonly EntryRow[]
  /** Whether there may be candidates after the last one returned. */
  readonly more: boolean
}

/** The next entries that may match, `size` of them or some more; fewer only at the end. */
export type CandidateSource = (after: EntryPosition | undefined, size: number) => Candidates

/** Two ways to the same matches. */
export interface CandidateSources {
  /** Cheap to begin with; good when a large share of its candidates match. */
  readonly loose: CandidateSource
  /** Narrows down by everything the full-text index knows. */
  readonly narrow: CandidateSource
}

export function createCandidateSources(
  db: BetterSQLite3Database,
  namespacePk: number,
  query: EntryQuery,
): CandidateSources {
  const conditions = entryConditions(namespacePk, query)
  const terms = query.match?.mode === 'tokens' ? query.match.terms : []
  const phrases = terms.filter((term): term is PhraseTerm => term.kind === 'phrase')
  const sourceFor = (wanted: readonly PhraseTerm[]) =>
    wanted.length === 0
      ? scanRecords(db, query, conditions)
      : scanSearch(db, query, [
          ...conditions,
          ...searchConditions(toMatchExpression(wanted, namespacePk), query),
        ])
  const narrow = sourceFor(phrases)
  // For the beginning of a word FTS5 first merges the postings of all words that begin so: slow for a short beginning,
  // which is also the case in which most candidates match anyway.
  const exact = phrases.filter(({ prefix, negated }) => negated || !prefix)
  return { loose: exact.length === phrases.length ? narrow : sourceFor(exact), narrow }
}

/** Walks the records of a namespace along their index. */
function scanRecords(
  db: BetterSQLite3Database,
  { order }: EntryQuery,
  conditions: readonly SQL[],
): CandidateSource {
  return (after, size) => {
    const start = after === undefined ? [] : [afterPosition(order, after)]
    const rows = db
      .select(ENTRY_COLUMNS)
      .from(records)
      .where(and(...conditions, ...start))
      .orderBy(...inOrder(order))
      .limit(size)
      .all()
    return { rows, more: rows.length === size }
  }
}

/**
 * Walks the full-text index along its row ids, which are in order of seconds: the first matches of a common word come
 * without reading the others. Within one second the order is made by sorting.
 */
function scanSearch(
  db: BetterSQLite3Database,
  { order }: EntryQuery,
  conditions: readonly SQL[],
): CandidateSource {
  const select = (...where: readonly SQL[]) =>
    db
      .select({ ...ENTRY_COLUMNS, second: sql<number>`search.rowid >> 30` })
      .from(sql`search`)
      // A cross join, because SQLite takes its left side for the outer loop: only so the index decides the order.
      .crossJoin(records)
      .where(and(sql`${records.pk} = search.rowid & 1073741823`, ...conditions, ...where))

  const withinSecond = (second: SQL, size: number, start: readonly SQL[]) =>
    select(sql`search.rowid >= ${second} << 30`, sql`search.rowid < (${second} + 1) << 30`, ...start)
      .orderBy(...inOrder(order))
      .limit(size)
      .all()

  function acrossSeconds(size: number, start: readonly SQL[]): Candidates {
    const direction = order === 'oldest' ? sql`asc` : sql`desc`
    const rows = select(...start)
      .orderBy(sql`search.rowid ${direction}`)
      .limit(size)
      .all()
    const last = rows.at(-1)
    if (last === undefined || rows.length < size)
      return { rows: rows.sort(compareEntries(order)), more: false }
    // The limit may have cut through the last second.
    const complete = rows.filter(({ second }) => second !== last.second).sort(compareEntries(order))
    return { rows: [...complete, ...withinSecond(sql`${last.second}`, size, [])], more: true }
  }

  return (after, size) => {
    if (after === undefined) return acrossSeconds(size, [])
    const second = secondOf(after.timestamp)
    const same = withinSecond(second, size, [afterPosition(order, after)])
    if (same.length === size) return { rows: same, more: true }
    const beyond =
      order === 'oldest' ? sql`search.rowid >= (${second} + 1) << 30` : sql`search.rowid < ${second} << 30`
    const next = acrossSeconds(size, [beyond])
    return { rows: [...same, ...next.rows], more: next.more }
  }
}

/** The bounds are those of the query again, in the terms of the index, so that it does not read beyond them. */
function searchConditions(match: string, { from, to }: EntryQuery): SQL[] {
  return [
    sql`search match ${match}`,
    ...(from === undefined ? [] : [sql`search.rowid >= ${secondOf(from)} << 30`]),
    ...(to === undefined ? [] : [sql`search.rowid < (${secondOf(to)} + 1) << 30`]),
  ]
}

/** As in migrations/0001_search.sql. */
function secondOf(timestamp: string): SQL {
  return sql`min(max(ifnull(unixepoch(substr(${timestamp}, 1, 19)), 0), 0), 8589934591)`
}
