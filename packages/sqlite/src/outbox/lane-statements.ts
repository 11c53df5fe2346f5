import { and, count, eq, min, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { UNDECIDED } from './operation-conditions.ts'
import { outboxLanes, outboxOps } from './outbox-schema.ts'

const hole = sql.placeholder

/** Of lanes: what is known of each, who sends, how far the store has decided, and what waits. */
export function laneStatements(db: BetterSQLite3Database) {
  const thisLane = eq(outboxLanes.pk, hole('pk'))
  return {
    findLane: db
      .select()
      .from(outboxLanes)
      .where(eq(outboxLanes.path, hole('path')))
      .prepare(),
    anyLane: db.select({ pk: outboxLanes.pk }).from(outboxLanes).limit(1).prepare(),
    getLane: db.select().from(outboxLanes).where(thisLane).prepare(),
    insertLane: db
      .insert(outboxLanes)
      .values({
        path: hole('path'),
        module: hole('module'),
        userId: hole('userId'),
        writer: hole('writer'),
        lastN: 0,
        holderUntil: 0,
        fence: 0,
      })
      .prepare(),
    setLastN: db
      .update(outboxLanes)
      .set({ lastN: sql`${hole('lastN')}` })
      .where(thisLane)
      .prepare(),
    setEvictedN: db
      .update(outboxLanes)
      .set({ evictedN: sql`max(${outboxLanes.evictedN}, ${hole('n')})` })
      .where(thisLane)
      .prepare(),
    setHolder: db
      .update(outboxLanes)
      .set({
        holder: sql`${hole('holder')}`,
        holderUntil: sql`${hole('until')}`,
        fence: sql`${hole('fence')}`,
      })
      .where(thisLane)
      .prepare(),
    releaseAll: db
      .update(outboxLanes)
      .set({ holder: null, holderUntil: 0 })
      .where(eq(outboxLanes.holder, hole('holder')))
      .prepare(),
    setMark: db
      .update(outboxLanes)
      .set({ markN: sql`${hole('n')}`, markH: sql`${hole('h')}` })
      .where(thisLane)
      .prepare(),
    setWriter: db
      .update(outboxLanes)
      .set({ writer: sql`${hole('writer')}`, markN: null, markH: null })
      .where(thisLane)
      .prepare(),
    oldestWaiting: db
      .select({ n: min(outboxOps.n) })
      .from(outboxOps)
      .where(and(eq(outboxOps.lane, hole('pk')), UNDECIDED))
      .prepare(),
    countWaiting: db
      .select({ count: count() })
      .from(outboxOps)
      .where(and(eq(outboxOps.lane, hole('pk')), UNDECIDED))
      .prepare(),
    backlog: db
      .select({
        path: outboxLanes.path,
        module: outboxLanes.module,
        userId: outboxLanes.userId,
        count: count(),
        oldestAt: min(outboxOps.createdAt),
      })
      .from(outboxOps)
      .innerJoin(outboxLanes, eq(outboxLanes.pk, outboxOps.lane))
      .where(UNDECIDED)
      .groupBy(outboxOps.lane)
      .orderBy(min(outboxOps.createdAt))
      .prepare(),
  }
}
