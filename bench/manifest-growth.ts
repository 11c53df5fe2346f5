import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench, Measurement, Series } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import type { RequestCounts } from './counting-store.ts'
import { createLargeNamespace, LARGE_NAMESPACE_NOTE } from './large-namespace.ts'
import { percentile } from './percentile.ts'
import { toDollars } from './request-price.ts'
import { createRawClient, createWholeManifest } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

const GROUP = 10
/** Enough that tails are sealed ten times and segments merged once: what a commit costs in the long run. */
const COMMITS = 260
/** Every commit of the peer moves the whole manifest. */
const PEER_COMMITS = 3
/** Of a larger one the peer's manifest does not fit into one string. */
const MAX_PEER_SIZE = 1_000_000

interface Growth {
  readonly size: number
  readonly ours: CountedCost
  /** Where it can be measured. */
  readonly peer: CommitCost | undefined
}

interface CommitCost {
  /** Bytes written to the manifest, per commit. */
  readonly bytes: number
  readonly p50: number
  readonly p95: number
}

interface CountedCost extends CommitCost {
  /** Of all commits together. */
  readonly counts: Readonly<RequestCounts>
}

/** B3: what a commit of ten records costs as the namespace grows, ours and with a manifest that is rewritten whole. */
export const manifestGrowth: Bench = {
  ids: ['B3'],
  async run(report, { sizes }) {
    const server = await startLocalR2()
    const figures: Growth[] = []
    for (const size of sizes) {
      const growth = {
        size,
        ours: await measureOurs(server, size, report),
        peer: size <= MAX_PEER_SIZE ? await measurePeer(server, size) : undefined,
      }
      figures.push(growth)
      report(`  ${size} records: ours ${describe(growth.ours)}, ${describeRequests(growth.ours)}`)
      if (growth.peer !== undefined) report(`  ${size} records: whole manifest ${describe(growth.peer)}`)
    }
    await server.close()
    const [small, large] = [figures[0], figures.at(-1)]
    if (small === undefined || large === undefined) return []
    const bytes = (name: string, value: number) => ({ name, value, unit: 'bytes per commit' })
    return [
      toResult({
        id: 'B3',
        name: `bytes written to the manifest per commit of ${GROUP} at ${large.size.toLocaleString('en')} records over at ${small.size.toLocaleString('en')}`,
        value: large.ours.bytes / small.ours.bytes,
        unit: 'ratio',
        budget: { atMost: 1.25 },
        ours: {
          ...bytes('storeMany, seals and merges included', large.ours.bytes),
          note: LARGE_NAMESPACE_NOTE,
        },
        baseline: bytes('the same in the smallest namespace', small.ours.bytes),
        peers: [
          ...toPeer(large.peer),
          { name: 'commit p50, ours, smallest', value: small.ours.p50, unit: 'ms' },
          { name: 'commit p50, ours, largest', value: large.ours.p50, unit: 'ms' },
          { name: 'commit p95, ours, largest', value: large.ours.p95, unit: 'ms' },
          ...toRequests(large.ours.counts),
        ],
        series: toSeries(figures),
      }),
    ]
  },
}

async function measureOurs(
  server: LocalR2,
  size: number,
  report: (line: string) => void,
): Promise<CountedCost> {
  const namespace = { module: `growth-${size}`, userId: 'u' }
  const taken = await seconds(() => createLargeNamespace(server.settings, namespace, size))
  report(`  made a namespace of ${size} records in ${taken.toFixed(1)} s`)
  const { counts, decorate, reset } = createCounter()
  const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
  await commit(storage, namespace, 0)
  reset()
  const latencies = await repeat(COMMITS, (n) => commit(storage, namespace, n + 1))
  // Merges that are under way take effect when the storage is closed.
  await storage.close()
  return { ...toCost(counts.manifestBytes / COMMITS, latencies), counts }
}

async function measurePeer(server: LocalR2, size: number): Promise<CommitCost> {
  const raw = createRawClient(server.settings)
  const peer = createWholeManifest(raw, `whole/${size}`)
  await peer.create(size)
  let bytes = 0
  const latencies = await repeat(PEER_COMMITS, async (n) => {
    const records = Array.from({ length: GROUP }, (_, at) => sampleRecord(n * GROUP + at))
    bytes += await peer.commit(records.map((record) => new TextEncoder().encode(JSON.stringify(record))))
  })
  raw.close()
  return toCost(bytes / PEER_COMMITS, latencies)
}

async function commit(
  storage: StorageManager,
  namespace: { readonly module: string; readonly userId: string },
  n: number,
): Promise<void> {
  const records = Array.from({ length: GROUP }, (_, at) => ({
    ...namespace,
    data: sampleRecord(n * GROUP + at),
  }))
  await storage.storeMany(records)
}

async function repeat(count: number, operation: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const latencies: number[] = []
  for (let n = 0; n < count; n++) latencies.push((await seconds(() => operation(n))) * 1_000)
  return latencies
}

function toCost(bytes: number, latencies: readonly number[]): CommitCost {
  return { bytes, p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95) }
}

function toRequests(counts: Readonly<RequestCounts>): readonly Measurement[] {
  const perCommit = (name: string, count: number) => ({
    name: `${name}, ours, largest`,
    value: count / COMMITS,
    unit: 'requests per commit',
  })
  return [
    { ...perCommit('Class A', counts.classA), note: `${GROUP} of them are bodies` },
    perCommit('of it writes of the head', counts.headPuts),
    perCommit('Class B', counts.classB),
    toDollars(counts, COMMITS * GROUP),
  ]
}

function toPeer(peer: CommitCost | undefined): readonly Measurement[] {
  if (peer === undefined) return []
  return [
    { name: 'a manifest rewritten whole, at the largest', value: peer.bytes, unit: 'bytes per commit' },
    { name: 'commit p50, whole manifest, largest', value: peer.p50, unit: 'ms' },
  ]
}

function toSeries(figures: readonly Growth[]): readonly Series[] {
  const series = (name: string, unit: string, figure: (growth: Growth) => number | undefined) => ({
    name,
    unit,
    points: figures.flatMap((growth) => {
      const y = figure(growth)
      return y === undefined ? [] : [{ x: growth.size, y }]
    }),
  })
  return [
    series('ours', 'bytes', ({ ours }) => ours.bytes),
    series('whole manifest', 'bytes', ({ peer }) => peer?.bytes),
    series('ours, p50', 'ms', ({ ours }) => ours.p50),
    series('ours, p95', 'ms', ({ ours }) => ours.p95),
    series('whole manifest, p50', 'ms', ({ peer }) => peer?.p50),
    series('ours, Class A', 'requests', ({ ours }) => ours.counts.classA / COMMITS),
    series('ours, Class B', 'requests', ({ ours }) => ours.counts.classB / COMMITS),
    series('ours, dollars', '$ per million records', ({ ours }) => dollarsOf(ours)),
  ]
}

function dollarsOf({ counts }: CountedCost): number {
  return toDollars(counts, COMMITS * GROUP).value
}

function describeRequests({ counts }: CountedCost): string {
  const [classA, classB] = [counts.classA / COMMITS, counts.classB / COMMITS]
  return `${classA.toFixed(2)} Class A and ${classB.toFixed(2)} Class B requests`
}

function describe({ bytes, p50, p95 }: CommitCost): string {
  return `${Math.round(bytes).toLocaleString('en')} bytes, p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`
}
