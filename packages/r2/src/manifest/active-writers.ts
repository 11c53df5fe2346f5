import type { HeadHeader } from '@umbra/core'

/** A writer that committed so recently, milliseconds, is expected to commit again: so long does a round of 25 writers take. */
const ACTIVE_MS = 40_000

/** The writers expected to commit again, in the order of their turns. Times are compared with the head's own, not with a clock. */
export function activeWriters({ w, at }: HeadHeader): readonly string[] {
  const since = Date.parse(at) - ACTIVE_MS
  return Object.keys(w)
    .filter((writer) => Date.parse(w[writer]?.at ?? '') >= since)
    .sort()
}

/** The writer of this version. */
export function lastWriter({ w, seq }: HeadHeader): string | undefined {
  return Object.keys(w).find((writer) => w[writer]?.seq === seq)
}
