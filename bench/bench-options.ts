/** What a run may be told on the command line. */
export interface BenchOptions {
  /** Records of the namespaces that benches of growth use, the fewest first. */
  readonly sizes: readonly number[]
  /** How many records, where a bench can do more or fewer than it does by itself. */
  readonly records: number | undefined
}

/** Up to 1,000,000 takes minutes: see the usage. */
export const DEFAULT_SIZES: readonly number[] = [1_000, 10_000, 100_000, 1_000_000]
