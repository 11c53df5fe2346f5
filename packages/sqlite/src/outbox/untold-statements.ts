import { eq, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { outboxMutations, outboxOps } from './outbox-schema.ts'

const hole = sql.placeholder

/** Of refusals that somebody decided about before their callers had heard of them. */
export function untoldStatements(db: BetterSQLite3Database) {
  return {
    leaveRefusal: db
      .update(outboxOps)
      .set({ state: 'untold', bytes: 0 })
      .where(eq(outboxOps.pk, hole('pk')))
      .prepare(),
    untoldOps: db
      .select({ pk: outboxOps.pk, holder: outboxOps.holder, decidedAt: outboxOps.decidedAt })
      .from(outboxOps)
      .where(eq(outboxOps.state, 'untold'))
      .prepare(),
    moveMutations: db
      .update(outboxMutations)
      .set({ op: sql`${hole('to')}` })
      .where(eq(outboxMutations.op, hole('from')))
      .prepare(),
    removeMutations: db
      .delete(outboxMutations)
      .where(eq(outboxMutations.op, hole('op')))
      .prepare(),
  }
}
