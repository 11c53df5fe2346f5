import { and, eq, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { ENTRY_COLUMNS } from './record-row.ts'
import { bases, namespaces, records } from './schema.ts'

/** Every value of a record but its namespace and id, bound at each call. */
const CHANGING_VALUES = {
  timestamp: sql.placeholder('timestamp'),
  dataType: sql.placeholder('dataType'),
  key: sql.placeholder('key'),
  etag: sql.placeholder('etag'),
  size: sql.placeholder('size'),
  metadata: sql.placeholder('metadata'),
  rev: sql.placeholder('rev'),
  op: sql.placeholder('op'),
  sha256: sql.placeholder('sha256'),
  recordCount: sql.placeholder('recordCount'),
  text: sql.placeholder('text'),
  textTruncated: sql.placeholder('textTruncated'),
  updatedAt: sql.placeholder('updatedAt'),
  contentType: sql.placeholder('contentType'),
  filename: sql.placeholder('filename'),
  body: sql.placeholder('body'),
}

export type RecordStatements = ReturnType<typeof prepareRecordStatements>

/** Compiled once: compiling a statement costs more than running it. */
export function prepareRecordStatements(db: BetterSQLite3Database) {
  const { id: _id, ...changing } = { ...ENTRY_COLUMNS, body: records.body }
  const replaced = Object.entries(changing).map(([field, { name }]) => [field, sql.raw(`excluded."${name}"`)])
  const thisNamespace = and(
    eq(namespaces.module, sql.placeholder('module')),
    eq(namespaces.userId, sql.placeholder('userId')),
  )
  return {
    findNamespace: db.select({ pk: namespaces.pk }).from(namespaces).where(thisNamespace).prepare(),
    insertNamespace: db
      .insert(namespaces)
      .values({ module: sql.placeholder('module'), userId: sql.placeholder('userId') })
      .prepare(),
    /** The row of an id, tombstones included. */
    findRecord: db
      .select({ ...ENTRY_COLUMNS, pk: records.pk, body: records.body })
      .from(records)
      .where(and(eq(records.namespace, sql.placeholder('namespace')), eq(records.id, sql.placeholder('id'))))
      .prepare(),
    findEntry: db
      .select(ENTRY_COLUMNS)
      .from(records)
      .innerJoin(namespaces, eq(namespaces.pk, records.namespace))
      .where(and(thisNamespace, eq(records.id, sql.placeholder('id'))))
      .prepare(),
    findBased: db
      .select({ ...ENTRY_COLUMNS, pk: records.pk, versions: bases.versions })
      .from(records)
      .innerJoin(namespaces, eq(namespaces.pk, records.namespace))
      .leftJoin(bases, eq(bases.record, records.pk))
      .where(and(thisNamespace, eq(records.id, sql.placeholder('id'))))
      .prepare(),
    putBases: db
      .insert(bases)
      .values({ record: sql.placeholder('record'), versions: sql.placeholder('versions') })
      .onConflictDoUpdate({ target: bases.record, set: { versions: sql.raw('excluded."versions"') } })
      .prepare(),
    deleteBases: db
      .delete(bases)
      .where(eq(bases.record, sql.placeholder('record')))
      .prepare(),
    putRecord: db
      .insert(records)
      .values({ namespace: sql.placeholder('namespace'), id: sql.placeholder('id'), ...CHANGING_VALUES })
      .onConflictDoUpdate({ target: [records.namespace, records.id], set: Object.fromEntries(replaced) })
      .prepare(),
  }
}
