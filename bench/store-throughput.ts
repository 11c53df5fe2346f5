import { randomUUID } from 'node:crypto'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { alternate, inFlight, overallRate, seconds } from './alternate.ts'
import type { Bench, BenchResult } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import { createLargeNamespace } from './large-namespace.ts'
import { createRawClient, createReadModifyWrite, createUnstorage } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'
import { toPeers, toRequestResults, toThroughputResult } from './store-throughput-results.ts'

/** Each round. */
const RECORDS = 1_280
/**
 * Of ours and the raw client, in turn, judged by all of them together: on a shared machine one round may be half as fast as the next,
 * and the median of nine was seen to differ by a sixth from that of the next nine.
 */
const ROUNDS = 27
const PEER_ROUNDS = 3
const WIDTH = 64
/** The original's protocol rewrites the whole manifest per record: fewer, or it would take minutes. */
const READ_MODIFY_WRITE_RECORDS = 320

interface ThroughputRun {
  readonly server: LocalR2
  readonly raw: ReturnType<typeof createRawClient>
  readonly report: (line: string) => void
}

/** B1, B2: many records into one namespace, first into empty ones and beside the peers, then into one of each size. */
export const storeThroughput: Bench = {
  ids: ['B1', 'B2'],
  async run(report, { sizes }) {
    const server = await startLocalR2()
    const raw = createRawClient(server.settings)
    const run = { server, raw, report }
    const results = [...(await measureEmpty(run))]
    for (const size of sizes) results.push(...(await measureSize(run, size)))
    raw.close()
    await server.close()
    return results
  },
}

async function measureEmpty({ server, raw, report }: ThroughputRun): Promise<readonly BenchResult[]> {
  const unstorage = createUnstorage(server.settings)
  const { counts, decorate } = createCounter()
  const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
  let stored = 0
  let lost = 0
  const figures = await alternate(
    ROUNDS,
    {
      ours: () => {
        const module = `m-${randomUUID()}`
        stored += RECORDS
        return perSecond(RECORDS, (n) => storage.storeData({ module, userId: 'u', data: sampleRecord(n) }))
      },
      raw: () => putRaw(raw),
    },
    report,
    { summary: overallRate },
  )
  const peers = await alternate(
    PEER_ROUNDS,
    {
      unstorage: () => {
        const folder = randomUUID()
        return perSecond(RECORDS, (n) => unstorage.put(`unstorage/${folder}/${n}`, body(n)))
      },
      readModifyWrite: async () => {
        const folder = randomUUID()
        const peer = createReadModifyWrite(raw, `rmw/${folder}/manifest.jsonl`)
        const rate = await perSecond(READ_MODIFY_WRITE_RECORDS, (n) =>
          peer.store(`rmw/${folder}/${n}`, body(n)),
        )
        lost = READ_MODIFY_WRITE_RECORDS - (await peer.entries())
        return rate
      },
    },
    report,
  )
  await storage.close()
  const place = { name: 'an empty namespace', width: WIDTH }
  const lossNote = `${READ_MODIFY_WRITE_RECORDS} records only; ${lost} of them missing from the manifest afterwards`
  return [
    toThroughputResult(figures, place, toPeers(peers, lossNote)),
    ...toRequestResults(counts, stored, place),
  ]
}

async function measureSize(
  { server, raw, report }: ThroughputRun,
  size: number,
): Promise<readonly BenchResult[]> {
  const namespace = { module: `holds-${size}`, userId: 'u' }
  await createLargeNamespace(server.settings, namespace, size)
  report(`  made a namespace of ${size} records`)
  const { counts, decorate } = createCounter()
  const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
  let stored = 0
  const figures = await alternate(
    ROUNDS,
    {
      ours: () => {
        stored += RECORDS
        return perSecond(RECORDS, (n) => storage.storeData({ ...namespace, data: sampleRecord(n) }))
      },
      raw: () => putRaw(raw),
    },
    report,
    { summary: overallRate },
  )
  // Merges that are under way take effect when the storage is closed.
  await storage.close()
  const place = { name: `a namespace that holds ${size.toLocaleString('en')} records`, width: WIDTH }
  return [toThroughputResult(figures, place, []), ...toRequestResults(counts, stored, place)]
}

const body = (n: number) => new TextEncoder().encode(JSON.stringify(sampleRecord(n)))

/** Under keys as long as a record's: the local server takes the longer over a request, the longer its key is. */
function putRaw(raw: ThroughputRun['raw']): Promise<number> {
  const folder = `r-${randomUUID()}/u/2026/01/01`
  return perSecond(RECORDS, (n) => raw.put(`${folder}/${String(n).padStart(26, '0')}.json`, body(n)))
}

async function perSecond(count: number, operation: (n: number) => Promise<unknown>): Promise<number> {
  return count / (await seconds(() => inFlight(count, WIDTH, operation)))
}
