import type { UmbraError } from '../errors/umbra-error.ts'

/** A write that was refused after its caller had been told that it is pending. It stays listed until it is resolved. */
export interface WriteConflict {
  /** Pass to `resolveConflict`. */
  readonly id: string
  /** `conflict`: the store holds another version. `dead`: the store can never take it as it is. */
  readonly kind: 'conflict' | 'dead'
  /** `module/user` of the records, or the blob's key. */
  readonly path: string
  readonly recordIds: readonly string[]
  /** Why: the error that a caller who waited would have got. */
  readonly error: UmbraError
  /** What to do about it, for a person. */
  readonly advice: string
  /** ISO 8601, UTC. */
  readonly queuedAt: string
  /** ISO 8601, UTC. */
  readonly refusedAt: string
}

/** What a listener is told. Only `degraded` and `conflict` ask for anything to be done. */
export interface StorageEvents {
  /**
   * The store cannot be reached, or refuses a namespace's writes until somebody mends what the reason names, or the outbox file fails:
   * writes are kept and reads may be stale from now on.
   */
  readonly degraded: { readonly reason: UmbraError }
  /** All that `degraded` told of is over: the store takes operations again. What is pending is being sent. */
  readonly recovered: { readonly pending: number }
  readonly conflict: WriteConflict
  /** Nothing is pending any more. */
  readonly drained: Readonly<Record<string, never>>
}

export type StorageEvent = keyof StorageEvents

export interface OutboxHealth {
  /** `closed`: the store is used. `open`: it is left alone for a while. `half-open`: it is being tried. */
  readonly breaker: 'closed' | 'open' | 'half-open'
  /** Operations that are pending. */
  readonly depth: number
  /** Milliseconds since the oldest of them was queued; 0 when there is none. */
  readonly oldestAgeMs: number
  readonly bytes: number
  readonly maxBytes: number
  /** Where nothing is sent until somebody mends it, and why. */
  readonly paused: readonly { readonly path: string; readonly error: UmbraError }[]
  /** Refused writes that wait for a decision. */
  readonly conflicts: number
}

export interface SyncOptions {
  /** Give up waiting after this many milliseconds; default: not before the storage is closed. */
  readonly timeoutMs?: number
}

/** The writes of a backend that keeps them while its store is away. */
export interface PendingWrites {
  /** Sends what is pending now, and waits until nothing is, or `closing` says to stop. Resolves to how many operations still are. */
  sync(options: SyncOptions, closing?: AbortSignal): Promise<{ readonly pending: number }>
  /** Oldest first. */
  conflicts(): Promise<readonly WriteConflict[]>
  /**
   * `retry` queues the write again, over the version that is current now; `discard` drops it for good. Rejects with
   * `NOT_FOUND` when nothing of this id is listed.
   */
  resolve(id: string, action: 'retry' | 'discard'): Promise<void>
  /** Returns the way to stop listening. Of `degraded` that is not over a new listener is told, too, once `on` has returned. */
  on<E extends StorageEvent>(event: E, listener: (about: StorageEvents[E]) => void): () => void
}
