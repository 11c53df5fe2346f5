import type { Staleness } from '@umbra/core'

/** An answer that says how old it may be, when it was given without asking the store. */
export function withStaleness<T extends object>(
  answer: T,
  stale: Staleness | undefined,
): T & { readonly stale?: Staleness } {
  return stale === undefined ? answer : { ...answer, stale }
}
