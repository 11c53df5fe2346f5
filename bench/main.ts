import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { DEFAULT_SIZES } from './bench-options.ts'
import type { Bench, BenchResult, Measurement } from './bench-result.ts'
import { migrationThroughput } from './migration-throughput.ts'
import { coldOpen } from './cold-open.ts'
import { manifestGrowth } from './manifest-growth.ts'
import { parquetWrite } from './parquet-write.ts'
import { retrieveThroughput } from './retrieve-throughput.ts'
import { requestCost } from './request-cost.ts'
import { sqliteStore } from './sqlite-store.ts'
import { storeLatency } from './store-latency.ts'
import { plotManifestCost } from './plot-manifest-cost.ts'
import { storeThroughput } from './store-throughput.ts'

const BENCHES: readonly Bench[] = [
  storeThroughput,
  manifestGrowth,
  storeLatency,
  coldOpen,
  requestCost,
  parquetWrite,
  retrieveThroughput,
  sqliteStore,
  migrationThroughput,
]

const USAGE = `npm run bench -- [--only ${BENCHES.flatMap(({ ids }) => ids).join('|')}] [--sizes 1000,10000] [--records N] [--json FILE] [--plot FILE.svg [--from FILE.json]]

All of them take some 15 minutes on two cores, most of it in namespaces of 1,000,000 records (B3, B6);
with --sizes 1000,10000 some 4 minutes. --plot draws B3, measured by this run or read from a file that --json wrote.`

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { only: text, sizes: text, records: text, json: text, plot: text, from: text },
})
if (values.plot !== undefined && values.from !== undefined) {
  await writeFile(values.plot, plotManifestCost(parseResults(await readFile(values.from, 'utf8'))))
  process.exit(0)
}
const sizes = (values.sizes?.split(',').map(Number) ?? DEFAULT_SIZES).toSorted((a, b) => a - b)
const records = values.records === undefined ? undefined : Number(values.records)
const only = values.only ?? (values.plot === undefined ? undefined : 'B3')
const chosen = BENCHES.filter(({ ids }) => only === undefined || ids.includes(only))
const counts = [...sizes, ...(records === undefined ? [] : [records])]
if (chosen.length === 0 || !counts.every((count) => Number.isInteger(count) && count > 0)) {
  console.error(USAGE)
  process.exit(2)
}

const results: BenchResult[] = []
for (const bench of chosen) {
  console.log(`\n${bench.ids.join(', ')}`)
  results.push(...(await bench.run((line) => console.log(line), { sizes, records })))
}
console.log('')
for (const result of results) console.log(describe(result))
if (values.plot !== undefined) await writeFile(values.plot, plotManifestCost(results))
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`)

function parseResults(json: string): readonly BenchResult[] {
  // A file that this command wrote.
  return JSON.parse(json) as readonly BenchResult[]
}

function describe(result: BenchResult): string {
  const verdict = result.budget === undefined ? '' : ` (${describeBudget(result, result.budget)})`
  const figures = [result.ours, result.baseline, ...result.peers].map(
    (one) => `      ${describeMeasurement(one)}`,
  )
  return [
    `${result.id}  ${result.value.toFixed(2)} ${result.unit}${verdict}  ${result.name}`,
    ...figures,
  ].join('\n')
}

function describeBudget({ met }: BenchResult, budget: NonNullable<BenchResult['budget']>): string {
  const bound = 'atLeast' in budget ? `>= ${budget.atLeast}` : `<= ${budget.atMost}`
  return `budget ${bound}: ${met === true ? 'met' : 'MISSED'}`
}

function describeMeasurement({ name, value, unit, note }: Measurement): string {
  const figure = Number.isNaN(value)
    ? 'not measured'
    : `${value.toLocaleString('en', { maximumFractionDigits: 2 })} ${unit}`
  return `${figure}  ${name}${note === undefined ? '' : ` (${note})`}`
}
