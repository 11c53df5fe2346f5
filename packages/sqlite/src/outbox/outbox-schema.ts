import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { draftColumn } from './draft-column.ts'

/** One row: what is true of the whole file. */
export const outboxState = sqliteTable('outbox_state', {
  pk: integer().primaryKey(),
  /** The name under which new lanes count: minted once per file. */
  writer: text().notNull(),
  createdAt: integer('created_at').notNull(),
  /** Bytes of operations that wait or are listed for somebody to decide. */
  bytes: integer().notNull(),
  /** Bytes of committed operations, kept for a while so that they can be sent again. */
  keptBytes: integer('kept_bytes').notNull(),
})

/** A queue: one per namespace, and one per blob. What is in it is sent in order. */
export const outboxLanes = sqliteTable(
  'outbox_lanes',
  {
    pk: integer().primaryKey(),
    /** The namespace's path, or the blob's key: neither can be the other. */
    path: text().notNull(),
    /** Null for a blob. */
    module: text(),
    userId: text('user_id'),
    /** The name this lane counts under; replaced when the file turns out to be a copy. */
    writer: text().notNull(),
    lastN: integer('last_n').notNull(),
    /** Committed operations up to this number may not be kept any more. */
    evictedN: integer('evicted_n').notNull().default(0),
    /** How far the store has decided. */
    markN: integer('mark_n'),
    markH: text('mark_h'),
    /** The process that sends, until when (milliseconds since 1970), and a number that grows with every change of hands. */
    holder: text(),
    holderUntil: integer('holder_until').notNull(),
    fence: integer().notNull(),
  },
  (table) => [uniqueIndex('outbox_lanes_path').on(table.path)],
)

/**
 * `trying`: somebody waits for the answer. `pending`: the caller was told that it is pending. `committed`: done, kept for
 * a while. `conflict`, `dead`: refused; listed until its caller hears of it or, when that one was told that it is pending,
 * somebody decides. `untold`: somebody decided before its caller had heard; only the refusal is left, for the caller.
 */
export type OutboxOpState = 'trying' | 'pending' | 'committed' | 'conflict' | 'dead' | 'untold'

export const outboxOps = sqliteTable(
  'outbox_ops',
  {
    /** Never used again: whoever waits for an operation asks for it by this key after it may have been removed. */
    pk: integer().primaryKey({ autoIncrement: true }),
    lane: integer()
      .notNull()
      .references(() => outboxLanes.pk),
    n: integer().notNull(),
    opId: text('op_id').notNull(),
    state: text().$type<OutboxOpState>().notNull(),
    /** The process whose caller waits; empty when nobody does. */
    holder: text().notNull(),
    /** It may have been sent under another name: finding its effect in place means that it is done. */
    resent: integer({ mode: 'boolean' }).notNull(),
    /** Its expectation depends on a revision that is known only once the operations before it are decided. */
    barrier: integer({ mode: 'boolean' }).notNull(),
    /** Milliseconds since 1970. */
    createdAt: integer('created_at').notNull(),
    decidedAt: integer('decided_at'),
    bytes: integer().notNull(),
    /** Rolling hash of the writer's count after it; null while undecided or when it was not counted. */
    h: text(),
    /** Why it was refused: JSON. */
    error: text(),
    /** Of a blob: the version it is sent over, as the store names it; null until it is first sent. */
    base: text(),
  },
  (table) => [
    uniqueIndex('outbox_ops_id').on(table.opId),
    index('outbox_ops_waiting')
      .on(table.lane, table.n)
      .where(sql`state in ('trying', 'pending')`),
    index('outbox_ops_listed')
      .on(table.pk)
      .where(sql`state in ('conflict', 'dead')`),
    index('outbox_ops_kept')
      .on(table.decidedAt)
      .where(sql`state = 'committed'`),
    index('outbox_ops_committed')
      .on(table.lane, table.n)
      .where(sql`state = 'committed'`),
  ],
)

export const outboxMutations = sqliteTable(
  'outbox_mutations',
  {
    op: integer()
      .notNull()
      .references(() => outboxOps.pk, { onDelete: 'cascade' }),
    idx: integer().notNull(),
    lane: integer().notNull(),
    kind: text().$type<'put' | 'delete'>().notNull(),
    /** The record's id, or the blob's key. */
    id: text().notNull(),
    /** Null for a deletion or a blob, and when it is damaged. */
    draft: draftColumn(),
    /** The etag it replaces, `-` for none, null for any (blobs only). */
    expect: text(),
    freshId: integer('fresh_id', { mode: 'boolean' }).notNull(),
    minRev: integer('min_rev'),
    /** The revision it will become, as far as known when it was queued. */
    rev: integer().notNull(),
    /** Whether {@link rev} can only be that. */
    certain: integer({ mode: 'boolean' }).notNull(),
    /** Of the stored body: the object's etag as S3 makes it, the digest, the size; empty for a deletion. */
    etag: text().notNull(),
    sha256: text().notNull(),
    size: integer().notNull(),
    /** ISO 8601. */
    at: text().notNull(),
    /** The row in `bodies`. */
    body: integer(),
  },
  (table) => [
    primaryKey({ columns: [table.op, table.idx] }),
    index('outbox_mutations_id').on(table.lane, table.id),
  ],
)
