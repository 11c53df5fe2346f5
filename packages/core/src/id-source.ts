import { monotonicFactory } from 'ulid'

/** The only source of identifiers and randomness, so that tests and simulations can own it. */
export interface IdSource {
  /** A ULID: 26 characters, sorts by time, strictly increasing within this source. */
  next(atMs: number): string
  /** A number in [0, 1), for jitter. */
  readonly random: () => number
}

/** ULIDs as specified at https://github.com/ulid/spec, monotonic within one source. */
export function createIdSource(): IdSource {
  const nextUlid = monotonicFactory()
  return { next: (atMs) => nextUlid(atMs), random: () => Math.random() }
}
