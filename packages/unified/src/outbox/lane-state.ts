import type { UmbraError } from '@umbra/core'
import type { Decision, Lane } from '@umbra/sqlite'

export type Delivery =
  | Decision
  /** The caller is told that it is pending. */
  | { readonly kind: 'pending' }

export interface Waiter {
  resolve(delivery: Delivery): void
}

/** What this process knows of a lane besides what is in the outbox. */
export interface LaneState {
  readonly lane: Lane
  /** Callers of this process, by the key of their operation. */
  readonly waiters: Map<number, Waiter>
  running: Promise<void> | undefined
  /** Something was queued since the last look. */
  again: boolean
  /** Milliseconds since 1970. */
  retryAt: number
  failures: number
  /** How often it was taken from this process since its last outcome or failure. */
  losses: number
  paused: UmbraError | undefined
  /** A call may have been begun whose outcome is not known: also by whoever had the file before. */
  attempted: boolean
}

export function newLaneState(lane: Lane): LaneState {
  return {
    lane,
    waiters: new Map(),
    running: undefined,
    again: false,
    retryAt: 0,
    failures: 0,
    losses: 0,
    paused: undefined,
    attempted: true,
  }
}
