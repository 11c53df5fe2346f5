import { performance } from 'node:perf_hooks'

export type Contestant = () => Promise<number>

/**
 * Runs every contestant once per round, in turn, so that a machine that gets slower or faster does so for all of them;
 * resolves to each one's median, or what `summary` makes of its rounds. One round before the first is not counted, if `warmUp` says so.
 */
export async function alternate<Name extends string>(
  rounds: number,
  contestants: Readonly<Record<Name, Contestant>>,
  report: (line: string) => void,
  {
    warmUp = true,
    summary = median,
  }: { readonly warmUp?: boolean; readonly summary?: (figures: readonly number[]) => number } = {},
): Promise<Record<Name, number>> {
  const names = Object.keys(contestants) as Name[]
  const figures = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    for (const name of names) {
      const figure = await contestants[name]()
      if (round > 0) figures.get(name)?.push(figure)
      report(`  ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`} ${name}: ${figure.toFixed(1)}`)
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(figures.get(name) ?? [])])) as Record<
    Name,
    number
  >
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Of rates of equal amounts: the whole amount over the whole time. */
export function overallRate(rates: readonly number[]): number {
  return rates.length / rates.reduce((sum, rate) => sum + 1 / rate, 0)
}

/** Seconds an operation takes. */
export async function seconds(operation: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await operation()
  return (performance.now() - startedAt) / 1_000
}

/** Calls `operation` for 0..count-1 with `width` calls in flight. */
export async function inFlight(
  count: number,
  width: number,
  operation: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await operation(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
