import type { Clock, IdSource, StorageBackend } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'
import type { Alerts } from './alerts.ts'
import type { Breaker } from './breaker.ts'
import type { EventHub } from './event-hub.ts'
import type { LastSeen } from './last-seen.ts'
import type { OutboxPolicy } from './outbox-policy.ts'

/** What everything that sends works with. */
export interface SendContext {
  readonly primary: StorageBackend
  readonly outbox: Outbox
  readonly breaker: Breaker
  readonly lastSeen: LastSeen
  readonly events: EventHub
  readonly alerts: Alerts
  readonly policy: OutboxPolicy
  readonly clock: Clock
  readonly ids: IdSource
}
