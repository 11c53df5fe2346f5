/**
 * A line of the head that stands for many entries: an immutable object they were moved to. A segment (`seg`) is a piece
 * of the tail, moved verbatim; a run is what segments and runs were merged into, sorted by id, one entry an id.
 */
export interface PartPointer {
  readonly _: 'seg' | 'run'
  /** Object key: never overwritten, never used again. */
  readonly key: string
  /** 0 for segments; a run is one above the highest of what was merged into it. */
  readonly level: number
  /** Entries, tombstones included. */
  readonly rows: number
  /** How many of them are tombstones. */
  readonly dels: number
  /** First and last version of the head whose changes it holds. Ranges of two parts never overlap. */
  readonly seq: readonly [number, number]
  /** Smallest and largest id, by code points. */
  readonly ids: readonly [string, string]
  /** Earliest and latest timestamp of its entries: ISO 8601, UTC. */
  readonly at: readonly [string, string]
  /** Bytes of the object. */
  readonly bytes: number
  /** Of the object, lower-case hex. */
  readonly sha256: string
  /** Sum of the digests of its puts, those hidden by newer parts included: see `LiveSum`. */
  readonly sum: string
}

/**
 * The newest list of objects that nothing refers to any more. Each list names the one before it, so that the head holds
 * one line whatever there is to collect.
 */
export interface GarbagePointer {
  readonly _: 'gone'
  /** Object key of the list. */
  readonly key: string
  /** When it was written: ISO 8601, UTC. */
  readonly at: string
}
