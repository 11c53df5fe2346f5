import type { EntryPosition, EntryQuery, SearchTerm } from '@umbra/core'
import { asc, desc, eq, gte, lt, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { records } from './schema.ts'

/**
 * What SQL can say of a query without the full-text index. Every entry that matches the query fulfils it; the reverse
 * need not hold.
 */
export function entryConditions(namespacePk: number, query: EntryQuery): SQL[] {
  const { from, to, dataFormat, metadata = {}, match } = query
  return [
    eq(records.namespace, namespacePk),
    // A literal, not a parameter: the index over live records has the same words.
    sql`${records.op} = 'put'`,
    ...(from === undefined ? [] : [gte(records.timestamp, from)]),
    ...(to === undefined ? [] : [lt(records.timestamp, to)]),
    ...(dataFormat === undefined ? [] : [eq(records.dataType, dataFormat)]),
    // The column holds what JSON.stringify made of the metadata, so an equal pair is an equal piece of text.
    ...Object.entries(metadata).map(
      ([name, value]) =>
        sql`instr(${records.metadata}, ${JSON.stringify({ [name]: value }).slice(1, -1)}) > 0`,
    ),
    ...(match?.mode === 'tokens' ? match.terms.flatMap(fieldConditions) : []),
    ...(match?.mode === 'substring' ? [sql`instr(${records.text}, ${match.needle}) > 0`] : []),
  ]
}

/**
 * A field's words stand in the JSON of the metadata as they are, but for their case; unless something in it is not ASCII,
 * which may have become ASCII when it was normalised.
 */
function fieldConditions(term: SearchTerm): SQL[] {
  if (term.kind !== 'field' || term.negated) return []
  const { metadata } = records
  return [
    sql`instr(${metadata}, ${`${JSON.stringify(term.field)}:`}) > 0`,
    ...term.tokens.map(
      (token) => sql`(${metadata} like ${`%${token}%`} or octet_length(${metadata}) <> length(${metadata}))`,
    ),
  ]
}

/** Strictly after a position, in the same order as {@link inOrder}. */
export function afterPosition(order: EntryQuery['order'], position: EntryPosition): SQL {
  const place = sql`(${records.timestamp}, ${records.id})`
  const start = sql`(${position.timestamp}, ${position.id})`
  return order === 'oldest' ? sql`${place} > ${start}` : sql`${place} < ${start}`
}

/** By timestamp, then id. SQLite compares the bytes of UTF-8, which is the order of code points. */
export function inOrder(order: EntryQuery['order']): SQL[] {
  return order === 'oldest'
    ? [asc(records.timestamp), asc(records.id)]
    : [desc(records.timestamp), desc(records.id)]
}
