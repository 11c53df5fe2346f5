import type { Namespace } from '../records/namespace.ts'

/**
 * How new a read must be.
 * - `strong`: it sees every write that was acknowledged, by any process, before it began. The default.
 * - `bounded`: it may be that many milliseconds old; costs no request when something so new is known. With
 *   `Infinity` the store is never asked: the answer comes from the last version seen, or is `UNAVAILABLE` when there is none.
 *   {@link ANY_AGE} asks only then.
 * - `pinned`: exactly the version that was pinned, however much was written since.
 */
export type Consistency =
  | { readonly kind: 'strong' }
  | { readonly kind: 'bounded'; readonly maxAgeMs: number }
  | { readonly kind: 'pinned'; readonly snapshot: string }

/** An age, milliseconds, that is never exceeded by anything that was seen. */
export const ANY_AGE = Number.MAX_VALUE

export interface ReadOptions {
  /** Default: `strong` while the store can be reached. */
  readonly consistency?: Consistency
}

/** A version of a namespace that stays readable in this process until it is released or its parts are collected. */
export interface PinnedSnapshot {
  readonly snapshot: string
  /** Number of the version; null when nothing was ever stored. */
  readonly version: number | null
  /** When the version was written: ISO 8601, UTC; null when nothing was ever stored. */
  readonly at: string | null
}

/** Versions that stay readable while others write. */
export interface SnapshotPins {
  pin(namespace: Namespace): Promise<PinnedSnapshot>
  /** Safe to call twice, and with a name that was never pinned. */
  release(snapshot: string): void
}
