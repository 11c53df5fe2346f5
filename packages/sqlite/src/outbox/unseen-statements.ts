import { and, asc, eq, gt, or, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { COMMITTED, PENDING, UNDECIDED } from './operation-conditions.ts'
import { outboxMutations, outboxOps } from './outbox-schema.ts'

const hole = sql.placeholder

/** What is pending, and what was committed after an operation, oldest first: of one record, and of all. */
export function unseenStatements(db: BetterSQLite3Database) {
  const joined = eq(outboxOps.pk, outboxMutations.op)
  const changes = { mutation: outboxMutations, opId: outboxOps.opId, state: outboxOps.state }
  const inLane = eq(outboxOps.lane, hole('lane'))
  // The lane in both: each half is then found by its own index.
  const unseen = or(and(inLane, UNDECIDED, PENDING), and(inLane, COMMITTED, gt(outboxOps.n, hole('after'))))
  return {
    unseenOf: db
      .select(changes)
      .from(outboxMutations)
      .innerJoin(outboxOps, joined)
      .where(and(eq(outboxMutations.lane, hole('lane')), eq(outboxMutations.id, hole('id')), unseen))
      .orderBy(asc(outboxOps.n), asc(outboxMutations.idx))
      .prepare(),
    allUnseen: db
      .select(changes)
      .from(outboxOps)
      .innerJoin(outboxMutations, joined)
      .where(unseen)
      .orderBy(asc(outboxOps.n), asc(outboxMutations.idx))
      .prepare(),
  }
}
