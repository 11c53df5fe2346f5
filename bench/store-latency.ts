import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { ObjectStore } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import { alternate, median, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'
import { createRawClient } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

const DELAY_MS = 100
const STORES = 15

/** B4: one record into an idle namespace, when every request takes 100 ms longer. */
export const storeLatency: Bench = {
  ids: ['B4'],
  async run(report) {
    const server = await startLocalR2()
    const raw = createRawClient(server.settings)
    const storage = manageBackend(await createR2Backend(server.settings, { decorate: delayed }))
    const namespace = { module: 'idle', userId: 'u' }
    await storage.storeData({ ...namespace, data: 0 })
    const head = new Uint8Array(2_000)

    const medianMs = async (operation: (n: number) => Promise<unknown>) => {
      const figures: number[] = []
      for (let n = 0; n < STORES; n++) figures.push((await seconds(() => operation(n))) * 1_000)
      return median(figures)
    }
    const delayedPut = async (key: string, body: Uint8Array) => {
      await sleep(DELAY_MS)
      await raw.put(key, body)
    }
    const figures = await alternate(
      3,
      {
        ours: () => medianMs((n) => storage.storeData({ ...namespace, data: sampleRecord(n) })),
        raw: () =>
          medianMs(async (n) => {
            await delayedPut(`raw/${randomUUID()}`, new TextEncoder().encode(JSON.stringify(sampleRecord(n))))
            await delayedPut('raw/head', head)
          }),
      },
      report,
    )
    await storage.close()
    raw.close()
    await server.close()
    return [
      toResult({
        id: 'B4',
        name: `one storeData into an idle namespace over one data PUT + one head PUT, ${DELAY_MS} ms per request`,
        value: figures.ours / figures.raw,
        unit: 'ratio',
        budget: { atMost: 1.1 },
        ours: { name: 'storeData', value: figures.ours, unit: 'ms' },
        baseline: { name: 'raw SDK, two PutObject one after the other', value: figures.raw, unit: 'ms' },
        peers: [],
      }),
    ]
  },
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
