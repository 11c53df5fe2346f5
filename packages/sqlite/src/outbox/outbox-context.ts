import type { Clock, IdSource } from '@umbra/core'
import type { BodyStore } from '../body-store.ts'
import type { GroupTransaction } from '../group-transaction.ts'
import type { OutboxBodies } from './outbox-body.ts'
import type { OutboxHolder, OutboxSettings } from './outbox-port.ts'
import type { OutboxStatements } from './outbox-statements.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

export type OutboxLimits = Required<Omit<OutboxSettings, 'path' | 'busyTimeoutMs'>>

export const DEFAULT_OUTBOX_LIMITS: OutboxLimits = {
  maxBytes: 1024 ** 3,
  keepBytes: 64 * 1024 ** 2,
  keepMs: 7 * DAY_MS,
  leaseMs: 30_000,
}

/** What every part of the outbox works with. */
export interface OutboxContext {
  readonly statements: OutboxStatements
  /** Reads bodies. */
  readonly bodies: OutboxBodies
  /** Writes them. */
  readonly bodyStore: BodyStore
  readonly writes: GroupTransaction
  readonly clock: Clock
  readonly ids: IdSource
  readonly holder: OutboxHolder
  readonly limits: OutboxLimits
  /** What this process is about to queue: its bodies are on the disk before it is. */
  readonly aside: { bytes: number }
}
