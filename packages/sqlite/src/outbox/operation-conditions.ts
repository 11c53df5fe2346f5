import { sql } from 'drizzle-orm'
import { outboxOps } from './outbox-schema.ts'

// As literals: a partial index is used only when its condition is seen to hold while the statement is compiled.
export const UNDECIDED = sql`${outboxOps.state} in ('trying', 'pending')`
export const LISTED = sql`${outboxOps.state} in ('conflict', 'dead')`
export const COMMITTED = sql`${outboxOps.state} = 'committed'`
export const PENDING = sql`${outboxOps.state} = 'pending'`
