import { toResult } from './bench-result.ts'
import type { BenchResult, Measurement } from './bench-result.ts'
import type { RequestCounts } from './counting-store.ts'
import { toDollars } from './request-price.ts'

interface Place {
  /** What the records were stored into. */
  readonly name: string
  /** Calls in flight. */
  readonly width: number
}

/** Records per second; B1. */
export function toThroughputResult(
  { ours, raw }: { readonly ours: number; readonly raw: number },
  { name, width }: Place,
  peers: readonly Measurement[],
): BenchResult {
  return toResult({
    id: 'B1',
    name: `storeData, JSON of 1 KiB, ${width} in flight, into ${name}, over raw PutObject`,
    value: ours / raw,
    unit: 'ratio',
    budget: { atLeast: 0.8 },
    ours: { name: 'storeData', value: ours, unit: 'records/s' },
    baseline: { name: 'raw SDK PutObject of the same bodies, no index', value: raw, unit: 'records/s' },
    peers,
  })
}

export function toPeers(
  { unstorage, readModifyWrite }: { readonly unstorage: number; readonly readModifyWrite: number },
  lossNote: string,
): readonly Measurement[] {
  return [
    {
      name: 'unstorage, S3 driver',
      value: unstorage,
      unit: 'records/s',
      note: 'no index, no conditions, fetch instead of the SDK',
    },
    {
      name: "the original's read-modify-write of the manifest",
      value: readModifyWrite,
      unit: 'records/s',
      note: lossNote,
    },
    {
      name: 's3db.js',
      value: Number.NaN,
      unit: 'records/s',
      note: 'cannot be installed from the registry here, not measured',
    },
  ]
}

/** What was counted while so many records were stored; B2. */
export function toRequestResults(
  counts: Readonly<RequestCounts>,
  stored: number,
  { name }: Place,
): readonly BenchResult[] {
  const perThousand = (count: number) => (count / stored) * 1_000
  const requests = (what: string, value: number) => ({ name: what, value, unit: 'requests' })
  return [
    toResult({
      id: 'B2',
      name: `head writes per 1,000 records into ${name}`,
      value: perThousand(counts.headPuts),
      unit: 'requests',
      budget: { atMost: 20 },
      ours: requests('storeData', perThousand(counts.headPuts)),
      baseline: requests('one head write per record', 1_000),
      peers: [],
    }),
    toResult({
      id: 'B2',
      name: `Class A requests per 1,000 records into ${name}, in all`,
      value: perThousand(counts.classA),
      unit: 'requests',
      budget: { atMost: 1_025 },
      ours: requests('storeData', perThousand(counts.classA)),
      baseline: requests('raw PutObject', 1_000),
      peers: [
        { ...requests("the original's read-modify-write", 2_000), note: 'by its protocol' },
        requests('storeData, Class B', perThousand(counts.classB)),
        {
          name: 'storeData, written to the manifest',
          value: counts.manifestBytes / stored,
          unit: 'bytes per record',
        },
        toDollars(counts, stored),
      ],
    }),
  ]
}
