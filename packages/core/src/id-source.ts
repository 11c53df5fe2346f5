import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'

/** The only source of identifiers and randomness, so that tests and simulations can own it. */
export interface IdSource {
  /** A ULID: 26 characters, sorts by time, strictly increasing within this source. */
  next(atMs: number): string
  /** A number in [0, 1), for jitter. */
  readonly random: () => number
}

/** Bytes of randomness fetched at a time: one system call for each would cost more than the rest of an id. */
const POOL_BYTES = 1_024

/** ULIDs as specified at https://github.com/ulid/spec, monotonic within one source. */
export function createIdSource(): IdSource {
  const nextUlid = monotonicFactory(createByteSource())
  return { next: (atMs) => nextUlid(atMs), random: () => Math.random() }
}

/** Numbers in [0, 1) with eight random bits each: a ULID uses five for a character. */
function createByteSource(): () => number {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    return (pool[used++] ?? 0) / 256
  }
}
