import { and, asc, desc, eq, inArray, isNotNull, lt, lte, or, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { bodies } from '../schema.ts'
import { forgetStatements } from './forget-statements.ts'
import { laneStatements } from './lane-statements.ts'
import { unseenStatements } from './unseen-statements.ts'
import { NOBODY } from './outbox-rows.ts'
import { COMMITTED, LISTED, PENDING, UNDECIDED } from './operation-conditions.ts'
import { outboxLanes, outboxMutations, outboxOps, outboxState } from './outbox-schema.ts'
import { untoldStatements } from './untold-statements.ts'

export type OutboxStatements = ReturnType<typeof prepareOutboxStatements>

const hole = sql.placeholder

/** Compiled once: compiling a statement costs more than running it. */
export function prepareOutboxStatements(db: BetterSQLite3Database) {
  return {
    ...stateStatements(db),
    ...laneStatements(db),
    ...operationStatements(db),
    ...mutationStatements(db),
    ...forgetStatements(db),
    ...unseenStatements(db),
    ...untoldStatements(db),
  }
}

function stateStatements(db: BetterSQLite3Database) {
  return {
    findState: db.select().from(outboxState).limit(1).prepare(),
    insertState: db
      .insert(outboxState)
      .values({ pk: 1, writer: hole('writer'), createdAt: hole('createdAt'), bytes: 0, keptBytes: 0 })
      .onConflictDoNothing()
      .prepare(),
    addBytes: db
      .update(outboxState)
      .set({
        bytes: sql`${outboxState.bytes} + ${hole('bytes')}`,
        keptBytes: sql`${outboxState.keptBytes} + ${hole('keptBytes')}`,
      })
      .prepare(),
  }
}

function operationStatements(db: BetterSQLite3Database) {
  const thisOp = eq(outboxOps.pk, hole('pk'))
  return {
    insertOp: db
      .insert(outboxOps)
      .values({
        lane: hole('lane'),
        n: hole('n'),
        opId: hole('opId'),
        state: hole('state'),
        holder: hole('holder'),
        resent: false,
        barrier: hole('barrier'),
        createdAt: hole('createdAt'),
        bytes: hole('bytes'),
      })
      .prepare(),
    getOp: db.select().from(outboxOps).where(thisOp).prepare(),
    findOp: db
      .select()
      .from(outboxOps)
      .where(eq(outboxOps.opId, hole('opId')))
      .prepare(),
    waitingOps: db
      .select()
      .from(outboxOps)
      .where(and(eq(outboxOps.lane, hole('lane')), UNDECIDED))
      .orderBy(asc(outboxOps.n))
      .limit(hole('limit'))
      .prepare(),
    awaitedOps: db
      .select({
        pk: outboxOps.pk,
        state: outboxOps.state,
        holder: outboxOps.holder,
        createdAt: outboxOps.createdAt,
      })
      .from(outboxOps)
      .where(and(UNDECIDED, eq(outboxOps.state, 'trying')))
      .prepare(),
    listedOps: db
      .select({ op: outboxOps, lane: outboxLanes })
      .from(outboxOps)
      .innerJoin(outboxLanes, eq(outboxLanes.pk, outboxOps.lane))
      .where(LISTED)
      .orderBy(asc(outboxOps.pk))
      .prepare(),
    decideOp: db
      .update(outboxOps)
      .set({
        state: sql`${hole('state')}`,
        decidedAt: sql`${hole('decidedAt')}`,
        h: sql`${hole('h')}`,
        error: sql`${hole('error')}`,
      })
      .where(and(thisOp, UNDECIDED))
      .prepare(),
    setBase: db
      .update(outboxOps)
      .set({ base: sql`${hole('base')}` })
      .where(thisOp)
      .prepare(),
    markPending: db
      .update(outboxOps)
      .set({ state: 'pending', holder: NOBODY })
      .where(and(thisOp, UNDECIDED))
      .prepare(),
    adopt: db.update(outboxOps).set({ state: 'pending' }).where(and(thisOp, UNDECIDED)).prepare(),
    markResent: db
      .update(outboxOps)
      .set({ resent: true })
      .where(and(eq(outboxOps.lane, hole('lane')), UNDECIDED))
      .prepare(),
    markKnown: db
      .select({ n: outboxOps.n })
      .from(outboxOps)
      .where(and(eq(outboxOps.lane, hole('lane')), eq(outboxOps.n, hole('n')), eq(outboxOps.h, hole('h'))))
      .prepare(),
    committedAfter: db
      .select()
      .from(outboxOps)
      .where(and(eq(outboxOps.lane, hole('lane')), COMMITTED, sql`${outboxOps.n} > ${hole('n')}`))
      .prepare(),
    queueAgain: db
      .update(outboxOps)
      .set({
        state: 'pending',
        holder: NOBODY,
        n: sql`${hole('n')}`,
        opId: sql`${hole('opId')}`,
        barrier: sql`${hole('barrier')}`,
        resent: false,
        decidedAt: null,
        h: null,
        error: null,
        base: null,
      })
      .where(thisOp)
      .prepare(),
    removeOp: db.delete(outboxOps).where(thisOp).prepare(),
    oldestKept: db
      .select({
        pk: outboxOps.pk,
        lane: outboxOps.lane,
        n: outboxOps.n,
        bytes: outboxOps.bytes,
        decidedAt: outboxOps.decidedAt,
      })
      .from(outboxOps)
      .where(COMMITTED)
      .orderBy(asc(outboxOps.decidedAt))
      .limit(hole('limit'))
      .prepare(),
    expiredKept: db
      .select({ pk: outboxOps.pk })
      .from(outboxOps)
      .where(and(COMMITTED, lt(outboxOps.decidedAt, hole('before'))))
      .limit(1)
      .prepare(),
  }
}

function mutationStatements(db: BetterSQLite3Database) {
  const joined = eq(outboxOps.pk, outboxMutations.op)
  const thisRecord = and(eq(outboxMutations.lane, hole('lane')), eq(outboxMutations.id, hole('id')))
  return {
    insertMutation: db
      .insert(outboxMutations)
      .values({
        op: hole('op'),
        idx: hole('idx'),
        lane: hole('lane'),
        kind: hole('kind'),
        id: hole('id'),
        draft: hole('draft'),
        expect: hole('expect'),
        freshId: hole('freshId'),
        minRev: hole('minRev'),
        rev: hole('rev'),
        certain: hole('certain'),
        etag: hole('etag'),
        sha256: hole('sha256'),
        size: hole('size'),
        at: hole('at'),
        body: hole('body'),
      })
      .prepare(),
    mutationsOf: db
      .select()
      .from(outboxMutations)
      .where(eq(outboxMutations.op, hole('op')))
      .orderBy(asc(outboxMutations.idx))
      .prepare(),
    waitingMutations: db
      .select({ mutation: outboxMutations })
      .from(outboxOps)
      .innerJoin(outboxMutations, joined)
      .where(and(eq(outboxOps.lane, hole('lane')), UNDECIDED, lte(outboxOps.n, hole('lastN'))))
      .orderBy(asc(outboxOps.n), asc(outboxMutations.idx))
      .prepare(),
    /** The newest change of a record that was not refused. By the order of rows, which is that of queueing: many may be kept. */
    newestOf: db
      .select({ mutation: outboxMutations, op: outboxOps })
      .from(outboxMutations)
      .innerJoin(outboxOps, joined)
      .where(and(thisRecord, or(UNDECIDED, COMMITTED)))
      .orderBy(desc(sql`${outboxMutations}.rowid`))
      .limit(1)
      .prepare(),
    undecidedOf: db
      .select({ mutation: outboxMutations, op: outboxOps })
      .from(outboxMutations)
      .innerJoin(outboxOps, joined)
      .where(and(thisRecord, UNDECIDED))
      .orderBy(asc(outboxOps.n))
      .prepare(),
    newestPendingOf: db
      .select({ mutation: outboxMutations, op: outboxOps })
      .from(outboxMutations)
      .innerJoin(outboxOps, joined)
      .where(and(thisRecord, PENDING))
      .orderBy(desc(outboxOps.n))
      .limit(1)
      .prepare(),
    allPending: db
      .select({ mutation: outboxMutations, opId: outboxOps.opId })
      .from(outboxOps)
      .innerJoin(outboxMutations, joined)
      .where(and(eq(outboxOps.lane, hole('lane')), UNDECIDED, PENDING))
      .orderBy(asc(outboxOps.n), asc(outboxMutations.idx))
      .prepare(),
    /** Undecided changes that name this version. */
    over: db
      .select({ mutation: outboxMutations })
      .from(outboxMutations)
      .innerJoin(outboxOps, joined)
      .where(and(thisRecord, eq(outboxMutations.expect, hole('expect')), UNDECIDED))
      .prepare(),
    setRevision: db
      .update(outboxMutations)
      .set({ rev: sql`${hole('rev')}`, certain: true })
      .where(and(eq(outboxMutations.op, hole('op')), eq(outboxMutations.id, hole('id'))))
      .prepare(),
    rebase: db
      .update(outboxMutations)
      .set({ expect: sql`${hole('expect')}`, rev: sql`${hole('rev')}`, certain: sql`${hole('certain')}` })
      .where(and(eq(outboxMutations.op, hole('op')), eq(outboxMutations.idx, hole('idx'))))
      .prepare(),
    withBody: db
      .select({ mutation: outboxMutations })
      .from(outboxMutations)
      .where(and(thisRecord, eq(outboxMutations.sha256, hole('sha256')), isNotNull(outboxMutations.body)))
      .limit(1)
      .prepare(),
    removeBodies: db
      .delete(bodies)
      .where(
        inArray(
          bodies.pk,
          db
            .select({ body: outboxMutations.body })
            .from(outboxMutations)
            .where(and(eq(outboxMutations.op, hole('op')), isNotNull(outboxMutations.body))),
        ),
      )
      .prepare(),
  }
}
