import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { bodies } from '../schema.ts'
import { COMMITTED } from './operation-conditions.ts'
import { outboxMutations, outboxOps } from './outbox-schema.ts'

/** Of the committed versions of one record. */
export function forgetStatements(db: BetterSQLite3Database) {
  const lane = sql.placeholder('lane')
  const committed = db
    .select({ pk: outboxOps.pk })
    .from(outboxOps)
    .where(and(eq(outboxOps.lane, lane), COMMITTED))
  const versions = and(
    eq(outboxMutations.lane, lane),
    eq(outboxMutations.id, sql.placeholder('id')),
    eq(outboxMutations.kind, 'put'),
    inArray(outboxMutations.op, committed),
  )
  const theirBodies = db
    .select({ body: outboxMutations.body })
    .from(outboxMutations)
    .where(and(versions, isNotNull(outboxMutations.body)))
  return {
    removeBodiesOfVersions: db.delete(bodies).where(inArray(bodies.pk, theirBodies)).prepare(),
    removeVersions: db.delete(outboxMutations).where(versions).prepare(),
  }
}
