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

export interface PacedWriter {
  /** When it stores its first record, milliseconds since the beginning. */
  readonly beginsAtMs: number
  /** How many it stores, two a second. */
  readonly records: number
}

export interface Pace {
  /** Of each writer in their order: from each call to its acknowledgement, milliseconds. */
  readonly latencies: readonly (readonly number[])[]
  readonly putsPerCommit: number
}

type Writing = Pick<SimulatedManifestOptions, 'isNumbered'> & { readonly seed: number }

/** So many writers store two records a second each, for so long, in one namespace whose head can be written once a second. */
export async function measureFairness(
  writers: number,
  { seconds, ...writing }: Writing & { readonly seconds: number },
): Promise<Fairness> {
  const busy = { beginsAtMs: PERIOD_MS, records: (seconds * 1_000) / PERIOD_MS }
  const { latencies, putsPerCommit } = await measurePace(
    Array.from({ length: writers }, () => busy),
    writing,
  )
  const all = latencies.flat()
  const medians = latencies.map((own) => quantile(own, 0.5))
  return {
    writers,
    p50: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    longest: quantile(all, 1),
    putsPerCommit,
    unfairness: Math.max(...medians) / Math.min(...medians),
    records: all.length,
  }
}

/** What writers of one head wait for, and how many of their writes are lost, if none of their processes ends. */
export async function measurePace(
  writers: readonly PacedWriter[],
  { seed, ...writing }: Writing,
): Promise<Pace> {
  const latencies = writers.map((): number[] => [])
  let puts = 0
  const result = await simulate(
    {
      seed,
      store: DEFAULT_STORE_RULES,
      crashes: [],
      processes: writers.map(({ beginsAtMs, records }, writer) => ({
        skewMs: 0,
        clockJumps: [],
        operations: Array.from({ length: records }, (_, n) =>
          step(create(`${writer}-${n}`), { start: 'at once', pauseMs: n === 0 ? beginsAtMs : PERIOD_MS }),
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
              latencies[Number(process.name.slice(1)) - 1]?.push(process.clock.now() - startedAt)
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
  return { latencies, putsPerCommit: puts / result.store.history(HEAD).length }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}
