import type { BenchOptions } from './bench-options.ts'

/** One measured thing: ours and what it is compared with, in the same unit and the same run. */
export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What differs from ours, when it is not the same job. */
  readonly note?: string
}

export interface Series {
  readonly name: string
  readonly unit: string
  /** Records in the namespace, and the figure. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly note?: string }[]
}

export interface BenchResult {
  readonly id: string
  readonly name: string
  /** The figure the budget is about. */
  readonly value: number
  readonly unit: string
  /** Absent where the figure is only told. */
  readonly budget?: { readonly atLeast: number } | { readonly atMost: number }
  /** Absent without a budget. */
  readonly met?: boolean
  readonly ours: Measurement
  readonly baseline: Measurement
  readonly peers: readonly Measurement[]
  /** The figures behind it, point by point: what plots are made of. */
  readonly series?: readonly Series[]
}

export type BenchInput = Omit<BenchResult, 'met'>

export function toResult(input: BenchInput): BenchResult {
  if (input.budget === undefined) return input
  const met =
    'atLeast' in input.budget ? input.value >= input.budget.atLeast : input.value <= input.budget.atMost
  return { ...input, met }
}

export interface Bench {
  /** The budgets it answers, e.g. `['B1', 'B2']`. */
  readonly ids: readonly string[]
  run(report: (line: string) => void, options: BenchOptions): Promise<readonly BenchResult[]>
}
