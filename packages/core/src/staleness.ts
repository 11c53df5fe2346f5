/** How old an answer may be that was given without asking the store. */
export interface Staleness {
  /** When the store was last seen: ISO 8601, UTC; null when this process never saw it, or does not note when (blobs, hybrids without an outbox). */
  readonly asOf: string | null
  /** Pending operations of the namespace that the answer includes. */
  readonly pending: number
}
