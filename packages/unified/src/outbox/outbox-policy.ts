/** How a backend with an outbox behaves when its store is slow, away or of another opinion. */
export interface OutboxPolicy {
  /** How long a write waits for the store before it resolves as pending, milliseconds. Default 10,000. */
  readonly onlineTimeoutMs: number
  /** After an outage, sending what is pending starts after a random part of this, milliseconds. Default 30,000. */
  readonly recoveryJitterMs: number
  /** Failures in a row after which the store is left alone. Default 3. */
  readonly failuresInARow: number
  /** The first time it is left alone, milliseconds; twice as long each time it still does not answer. Default 1,000. */
  readonly breakMs: number
  /** The longest time between two tries, milliseconds. Default 30,000. */
  readonly maxBreakMs: number
  /** Between tries of a namespace for which the store refuses the credentials, milliseconds. Default 30,000. */
  readonly pausedRetryMs: number
  /** Most lanes drained at a time; reached by doubling from one. Default 16. */
  readonly maxParallelLanes: number
  /**
   * What becomes of a pending update whose record somebody else changed. `reject` (default): it is listed as a conflict.
   * `last-write-wins`: the change that was made later stays, the other is kept as a revision and listed.
   */
  readonly conflicts: 'reject' | 'last-write-wins'
}

export const DEFAULT_OUTBOX_POLICY: OutboxPolicy = {
  onlineTimeoutMs: 10_000,
  recoveryJitterMs: 30_000,
  failuresInARow: 3,
  breakMs: 1_000,
  maxBreakMs: 30_000,
  pausedRetryMs: 30_000,
  maxParallelLanes: 16,
  conflicts: 'reject',
}
