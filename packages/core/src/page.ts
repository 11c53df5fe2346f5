import type { Staleness } from './staleness.ts'

/** One page of an ordered listing. `cursor` is opaque and absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly cursor?: string
  /** Present when the store could not be asked, so this may be out of date: also what is not in it. */
  readonly stale?: Staleness
}
