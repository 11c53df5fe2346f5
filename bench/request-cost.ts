import { manageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { toResult } from './bench-result.ts'
import type { Bench, BenchResult } from './bench-result.ts'
import { createCounter } from './counting-store.ts'
import type { RequestCounts } from './counting-store.ts'
import { toDollars } from './request-price.ts'
import { sampleRecord } from './sample-records.ts'

/** Records to each group size: enough for several seals, and a merge. */
const GROUPS = [
  { group: 1, records: 2_400 },
  { group: 10, records: 3_000 },
  { group: 100, records: 6_000 },
]

/** What a million records cost in requests to R2, by how many are stored at once. */
export const requestCost: Bench = {
  ids: ['cost'],
  async run(report) {
    const server = await startLocalR2()
    const results: BenchResult[] = []
    for (const { group, records } of GROUPS) {
      const { counts, decorate, reset } = createCounter()
      const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
      const namespace = { module: `cost-${group}`, userId: 'u' }
      reset()
      for (let start = 0; start < records; start += group) {
        const batch = Array.from({ length: group }, (_, n) => ({
          ...namespace,
          data: sampleRecord(start + n),
        }))
        await storage.storeMany(batch)
      }
      await storage.close()
      const result = toCostResult(counts, { group, records })
      report(`  ${group} at once: $${result.value.toFixed(2)} per million records`)
      results.push(result)
    }
    await server.close()
    return results
  },
}

function toCostResult(
  counts: RequestCounts,
  { group, records }: { readonly group: number; readonly records: number },
): BenchResult {
  const { classA, classB, dataPuts } = counts
  const dollars = (name: string, took: { readonly classA: number; readonly classB: number }) => ({
    ...toDollars(took, records),
    name,
  })
  const total = dollars('in all', { classA, classB })
  return toResult({
    id: 'cost',
    name: `requests of storeMany, ${group} at once, one commit after the other`,
    value: total.value,
    unit: total.unit,
    ours: total,
    baseline: dollars('the bodies alone, one PUT each', { classA: dataPuts, classB: 0 }),
    peers: [
      dollars('the index: Class A', { classA: classA - dataPuts, classB: 0 }),
      dollars('the index: Class B', { classA: 0, classB }),
      { name: 'written to the index', value: counts.manifestBytes / records, unit: 'bytes per record' },
    ],
  })
}
