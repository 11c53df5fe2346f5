import { DEFAULT_STORE_RULES, simulate, watchHeadChain } from '@umbra/core/testing'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { decodeLink, HEAD, startManifest } from '../manifest/simulated-manifest.fixture.ts'
import type { SimulatedManifestOptions } from '../manifest/simulated-manifest.fixture.ts'
import { create, step } from './planned-operations.fixture.ts'

/** One message takes up to this, milliseconds: a round trip takes some 150 ms, as in the figures compared with. */
const SLOWEST_MS = 200

/** Between two records of one writer, milliseconds. */
const PERIOD_MS = 500

export interface Fairness {
  readonly writers: number
  /** From the call to its acknowledgement, milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
  readonly putsPerCommit: number
  /** The most often delayed writer's median over the least often delayed one's. */
  readonly unfairness: number
  /** Records acknowledged. */
  readonly records: number
}

/** So many writers store two records a second each, for so long, in one namespace whose head can be written once a second. */
export async function measureFairness(
  writers: number,
  {
    seconds,
    seed,
    ...writing
  }: { readonly seconds: number; readonly seed: number } & Pick<SimulatedManifestOptions, 'isNumbered'>,
): Promise<Fairness> {
  const latencies = new Map<number, number[]>()
  let puts = 0
  const result = await simulate(
    {
      seed,
      store: DEFAULT_STORE_RULES,
      crashes: [],
      processes: Array.from({ length: writers }, (_, writer) => ({
        skewMs: 0,
        clockJumps: [],
        operations: Array.from({ length: (seconds * 1_000) / PERIOD_MS }, (_, n) =>
          step(create(`${writer}-${n}`), { start: 'at once', pauseMs: PERIOD_MS }),
        ),
      })),
    },
    {
      slowestMs: SLOWEST_MS,
      maxSteps: 1_000_000,
      watch: watchHeadChain((key) => key === HEAD, decodeLink),
      system: {
        start: (process) => {
          const manifest = startManifest(process, {
            ...writing,
            limits: MANIFEST_LIMITS,
            decorate: (objects) => ({
              ...objects,
              put: (key, ...rest) => {
                if (key === HEAD) puts++
                return objects.put(key, ...rest)
              },
            }),
          })
          return {
            ...manifest,
            async perform(operation, call) {
              const startedAt = process.clock.now()
              await manifest.perform(operation, call)
              const writer = Number(process.name.slice(1))
              latencies.set(writer, [...(latencies.get(writer) ?? []), process.clock.now() - startedAt])
            },
          }
        },
      },
    },
  )
  const failed = result.operations.filter(({ outcome }) => outcome !== 'committed')
  if (failed.length > 0 || result.violations.length > 0)
    throw new Error(
      `${failed.length} failed: ${String(failed[0]?.error)} ${JSON.stringify(result.violations)}`,
    )
  const all = [...latencies.values()].flat()
  const medians = [...latencies.values()].map((own) => quantile(own, 0.5))
  return {
    writers,
    p50: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    longest: quantile(all, 1),
    putsPerCommit: puts / result.store.history(HEAD).length,
    unfairness: Math.max(...medians) / Math.min(...medians),
    records: all.length,
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}
