import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { ObjectStore, StorageManager } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { alternate, median, seconds } from './alternate.ts'
import type { Contestant } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench, BenchResult } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import type { RequestCounts } from './counting-store.ts'
import { createLargeNamespace } from './large-namespace.ts'
import { createRawClient } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

const DELAY_MS = 100
const STORES = 15

/** B4: one record into an idle namespace, empty and of each size, when every request takes 100 ms longer. */
export const storeLatency: Bench = {
  ids: ['B4'],
  async run(report, { sizes }) {
    const server = await startLocalR2()
    const raw = createRawClient(server.settings)
    const idles: IdleNamespace[] = []
    for (const size of [0, ...sizes]) {
      const idle = await openIdleNamespace(server, size)
      idles.push(idle)
      report(`  opened ${idle.name}`)
    }
    const head = new Uint8Array(2_000)
    const delayedPut = async (key: string, body: Uint8Array) => {
      await sleep(DELAY_MS)
      await raw.put(key, body)
    }
    const contestants: Record<string, Contestant> = {
      ...Object.fromEntries(idles.map((idle) => [idle.name, toContestant(idle)])),
      raw: () =>
        medianMs(async (n) => {
          await delayedPut(`raw/${randomUUID()}`, new TextEncoder().encode(JSON.stringify(sampleRecord(n))))
          await delayedPut('raw/head', head)
        }),
    }
    const figures = await alternate(3, contestants, report)
    for (const { storage } of idles) await storage.close()
    raw.close()
    await server.close()
    return idles.map((idle) =>
      toLatencyResult(idle, {
        ours: figures[idle.name] ?? Number.NaN,
        raw: figures['raw'] ?? Number.NaN,
      }),
    )
  },
}

interface IdleNamespace {
  readonly name: string
  readonly storage: StorageManager
  readonly namespace: { readonly module: string; readonly userId: string }
  readonly counts: Readonly<RequestCounts>
  /** Records stored since the requests are counted. */
  stored: number
}

async function openIdleNamespace(server: LocalR2, size: number): Promise<IdleNamespace> {
  const namespace = { module: `idle-${size}`, userId: 'u' }
  if (size > 0) await createLargeNamespace(server.settings, namespace, size)
  const { counts, decorate, reset } = createCounter()
  const storage = manageBackend(
    await createR2Backend(server.settings, { decorate: (objects) => delayed(decorate(objects)) }),
  )
  // The first one reads the head, once in a process.
  await storage.storeData({ ...namespace, data: 0 })
  reset()
  const name =
    size === 0 ? 'an idle namespace' : `an idle namespace that holds ${size.toLocaleString('en')} records`
  return { name, storage, namespace, counts, stored: 0 }
}

function toContestant(idle: IdleNamespace): Contestant {
  return () =>
    medianMs((n) => {
      idle.stored++
      return idle.storage.storeData({ ...idle.namespace, data: sampleRecord(n) })
    })
}

async function medianMs(operation: (n: number) => Promise<unknown>): Promise<number> {
  const figures: number[] = []
  for (let n = 0; n < STORES; n++) figures.push((await seconds(() => operation(n))) * 1_000)
  return median(figures)
}

function toLatencyResult(
  { name, counts, stored }: IdleNamespace,
  { ours, raw }: { readonly ours: number; readonly raw: number },
): BenchResult {
  const perStore = (what: string, count: number, unit: string) => ({
    name: what,
    value: count / stored,
    unit: `${unit} per record`,
  })
  return toResult({
    id: 'B4',
    name: `one storeData into ${name} over one data PUT + one head PUT, ${DELAY_MS} ms per request`,
    value: ours / raw,
    unit: 'ratio',
    budget: { atMost: 1.1 },
    ours: { name: 'storeData', value: ours, unit: 'ms' },
    baseline: { name: 'raw SDK, two PutObject one after the other', value: raw, unit: 'ms' },
    peers: [
      perStore('Class A', counts.classA, 'requests'),
      perStore('Class B', counts.classB, 'requests'),
      perStore('written to the manifest', counts.manifestBytes, 'bytes'),
    ],
  })
}

function delayed(objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    put: async (key, body, options) => {
      await sleep(DELAY_MS)
      return objects.put(key, body, options)
    },
    get: async (key, options) => {
      await sleep(DELAY_MS)
      return objects.get(key, options)
    },
  }
}
