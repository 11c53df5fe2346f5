import { randomUUID } from 'node:crypto'
import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { alternate, inFlight, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import { createRawClient, createReadModifyWrite, createUnstorage } from './s3-peers.ts'
import { sampleRecord } from './sample-records.ts'

const RECORDS = 1_920
const WIDTH = 64
/** The original's protocol rewrites the whole manifest per record: fewer, or it would take minutes. */
const READ_MODIFY_WRITE_RECORDS = 320

const body = (n: number) => new TextEncoder().encode(JSON.stringify(sampleRecord(n)))

/** B1, B2: many records into one namespace. */
export const storeThroughput: Bench = {
  ids: ['B1', 'B2'],
  async run(report) {
    const server = await startLocalR2()
    const raw = createRawClient(server.settings)
    const unstorage = createUnstorage(server.settings)
    const { counts, decorate } = createCounter()
    const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
    let stored = 0
    let lost = 0

    const perSecond = async (count: number, operation: (n: number) => Promise<unknown>) =>
      count / (await seconds(() => inFlight(count, WIDTH, operation)))

    const figures = await alternate(
      3,
      {
        ours: () => {
          const module = `m-${randomUUID()}`
          stored += RECORDS
          return perSecond(RECORDS, (n) => storage.storeData({ module, userId: 'u', data: sampleRecord(n) }))
        },
        raw: () => {
          const folder = randomUUID()
          return perSecond(RECORDS, (n) => raw.put(`raw/${folder}/${n}`, body(n)))
        },
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
    raw.close()
    await server.close()

    const baseline = {
      name: 'raw SDK PutObject of the same bodies, no index',
      value: figures.raw,
      unit: 'records/s',
    }
    const perThousand = (count: number) => (count / stored) * 1_000
    return [
      toResult({
        id: 'B1',
        name: `storeData, JSON of 1 KiB, ${WIDTH} in flight, one namespace, over raw PutObject`,
        value: figures.ours / figures.raw,
        unit: 'ratio',
        budget: { atLeast: 0.8 },
        ours: { name: 'storeData', value: figures.ours, unit: 'records/s' },
        baseline,
        peers: [
          {
            name: 'unstorage, S3 driver',
            value: figures.unstorage,
            unit: 'records/s',
            note: 'no index, no conditions, fetch instead of the SDK',
          },
          {
            name: "the original's read-modify-write of the manifest",
            value: figures.readModifyWrite,
            unit: 'records/s',
            note: `${READ_MODIFY_WRITE_RECORDS} records only; ${lost} of them missing from the manifest afterwards`,
          },
          {
            name: 's3db.js',
            value: Number.NaN,
            unit: 'records/s',
            note: 'cannot be installed from the registry here, not measured',
          },
        ],
      }),
      toResult({
        id: 'B2',
        name: 'head writes per 1,000 records',
        value: perThousand(counts.headPuts),
        unit: 'requests',
        budget: { atMost: 20 },
        ours: { name: 'storeData', value: perThousand(counts.headPuts), unit: 'requests' },
        baseline: { name: 'one head write per record', value: 1_000, unit: 'requests' },
        peers: [],
      }),
      toResult({
        id: 'B2',
        name: 'Class A requests per 1,000 records in all',
        value: perThousand(counts.classA),
        unit: 'requests',
        budget: { atMost: 1_025 },
        ours: { name: 'storeData', value: perThousand(counts.classA), unit: 'requests' },
        baseline: { name: 'raw PutObject', value: 1_000, unit: 'requests' },
        peers: [
          {
            name: "the original's read-modify-write",
            value: 2_000,
            unit: 'requests',
            note: 'by its protocol',
          },
        ],
      }),
    ]
  },
}
