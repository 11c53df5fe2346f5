import type { DataFormat, JsonObject } from '@umbra/core'
import { sql } from 'drizzle-orm'
import {
  blob,
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'

// The full-text index `search` and the triggers that keep it are in migrations/0001_search.sql: Drizzle has no virtual tables.

export const namespaces = sqliteTable(
  'namespaces',
  {
    pk: integer().primaryKey(),
    module: text().notNull(),
    userId: text('user_id').notNull(),
  },
  (table) => [uniqueIndex('namespaces_name').on(table.module, table.userId)],
)

/** The current revision of every id ever stored; a deleted record keeps its row as a tombstone, so revisions only grow. */
export const records = sqliteTable(
  'records',
  {
    pk: integer().primaryKey(),
    namespace: integer()
      .notNull()
      .references(() => namespaces.pk),
    id: text().notNull(),
    timestamp: text().notNull(),
    dataType: text('data_type').$type<DataFormat>().notNull(),
    key: text().notNull(),
    etag: text().notNull(),
    size: integer().notNull(),
    metadata: text({ mode: 'json' }).$type<JsonObject>().notNull(),
    rev: integer().notNull(),
    op: text().$type<'put' | 'del'>().notNull(),
    sha256: text().notNull(),
    recordCount: integer('record_count'),
    text: text().notNull(),
    textTruncated: integer('text_truncated', { mode: 'boolean' }).notNull(),
    updatedAt: text('updated_at'),
    contentType: text('content_type'),
    filename: text(),
    /** No foreign key: it would make every removal of a body search this column. */
    body: integer(),
  },
  (table) => [
    uniqueIndex('records_id').on(table.namespace, table.id),
    index('records_order')
      .on(table.namespace, table.timestamp, table.id)
      .where(sql`op = 'put'`),
    // The row of the full-text index packs the primary key into its low 30 bits.
    check('records_pk_fits_search', sql`pk < 1073741824`),
  ],
)

/** The bases of a record, see `BaseVersions`. A table of its own: most records have none, and the triggers of the search run at every change of a record. */
export const bases = sqliteTable('bases', {
  record: integer()
    .primaryKey()
    .references(() => records.pk),
  versions: text({ mode: 'json' }).$type<readonly string[]>().notNull(),
})

/** Bodies: small ones in `bytes`, larger ones (`bytes` is null) in {@link bodyChunks}. */
export const bodies = sqliteTable(
  'bodies',
  {
    pk: integer().primaryKey(),
    /** Milliseconds since 1970 when the upload began; null once a record refers to the body. */
    stagedAt: integer('staged_at'),
    bytes: blob({ mode: 'buffer' }),
  },
  (table) => [
    index('bodies_staged')
      .on(table.stagedAt)
      .where(sql`staged_at is not null`),
  ],
)

export const bodyChunks = sqliteTable(
  'body_chunks',
  {
    body: integer()
      .notNull()
      .references(() => bodies.pk, { onDelete: 'cascade' }),
    chunk: integer().notNull(),
    bytes: blob({ mode: 'buffer' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.body, table.chunk] })],
)

export const blobs = sqliteTable('blobs', {
  path: text().primaryKey(),
  etag: text().notNull(),
  bytes: blob({ mode: 'buffer' }).notNull(),
})
