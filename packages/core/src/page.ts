/** One page of an ordered listing. `cursor` is opaque and absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly cursor?: string
}
