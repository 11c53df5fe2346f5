import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { alternate, inFlight, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'
import { createRawClient, createUnstorage } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

const RECORDS = 10_000
const WIDTH = 64
const READS_PER_ROUND = 2_500

/** B8: reading small records one by one from a namespace of 10,000. */
export const retrieveThroughput: Bench = {
  ids: ['B8'],
  async run(report) {
    const server = await startLocalR2()
    const raw = createRawClient(server.settings)
    const unstorage = createUnstorage(server.settings)
    const storage = manageBackend(await createR2Backend(server.settings))
    const keys: { id: string; key: string }[] = []
    for (let start = 0; start < RECORDS; start += 1_000) {
      const batch = Array.from({ length: 1_000 }, (_, n) => ({
        module: 'm',
        userId: 'u',
        data: sampleRecord(start + n),
      }))
      for (const { id, storageKey } of await storage.storeMany(batch)) keys.push({ id, key: storageKey })
      report(`  stored ${start + 1_000} of ${RECORDS}`)
    }
    let offset = 0
    const perSecond = async (read: (place: { id: string; key: string }) => Promise<unknown>) => {
      offset += READS_PER_ROUND
      const taken = seconds(() =>
        inFlight(READS_PER_ROUND, WIDTH, async (n) => {
          const place = keys[(offset + n) % RECORDS]
          if (place === undefined || !(await read(place))) throw new Error('a record is missing')
        }),
      )
      return READS_PER_ROUND / (await taken)
    }
    const figures = await alternate(
      3,
      {
        ours: () => perSecond(({ id }) => storage.retrieveData('m', 'u', id)),
        raw: () => perSecond(({ key }) => raw.get(key)),
        unstorage: () => perSecond(({ key }) => unstorage.get(key)),
      },
      report,
    )
    await storage.close()
    raw.close()
    await server.close()
    return [
      toResult({
        id: 'B8',
        name: `retrieveData of small records out of ${RECORDS.toLocaleString('en')}, ${WIDTH} in flight, over raw GetObject`,
        value: figures.ours / figures.raw,
        unit: 'ratio',
        budget: { atLeast: 0.8 },
        ours: {
          name: 'retrieveData, strongly consistent, hash verified',
          value: figures.ours,
          unit: 'records/s',
        },
        baseline: { name: 'raw SDK GetObject', value: figures.raw, unit: 'records/s' },
        peers: [
          {
            name: 'unstorage, S3 driver',
            value: figures.unstorage,
            unit: 'records/s',
            note: 'by key, no index, no verification',
          },
        ],
      }),
    ]
  },
}
