import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Bench, BenchResult, Measurement } from './bench-result.ts'
import { migrationThroughput } from './migration-throughput.ts'
import { parquetWrite } from './parquet-write.ts'
import { retrieveThroughput } from './retrieve-throughput.ts'
import { sqliteStore } from './sqlite-store.ts'
import { storeLatency } from './store-latency.ts'
import { storeThroughput } from './store-throughput.ts'

const BENCHES: readonly Bench[] = [
  storeThroughput,
  storeLatency,
  parquetWrite,
  retrieveThroughput,
  sqliteStore,
  migrationThroughput,
]

const USAGE = `npm run bench -- [--only ${BENCHES.flatMap(({ ids }) => ids).join('|')}] [--records N] [--json FILE]`

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, records: { type: 'string' } },
})
const records = values.records === undefined ? undefined : Number(values.records)
const chosen = BENCHES.filter(({ ids }) => values.only === undefined || ids.includes(values.only))
if (chosen.length === 0 || !(records === undefined || (Number.isInteger(records) && records > 0))) {
  console.error(USAGE)
  process.exit(2)
}

const results: BenchResult[] = []
for (const bench of chosen) {
  console.log(`\n${bench.ids.join(', ')}`)
  results.push(...(await bench.run((line) => console.log(line), { records })))
}
console.log('')
for (const result of results) console.log(describe(result))
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`)

function describe(result: BenchResult): string {
  const budget = 'atLeast' in result.budget ? `>= ${result.budget.atLeast}` : `<= ${result.budget.atMost}`
  const verdict = result.met ? 'met' : 'MISSED'
  const figures = [result.ours, result.baseline, ...result.peers].map(
    (one) => `      ${describeMeasurement(one)}`,
  )
  return [
    `${result.id}  ${result.value.toFixed(2)} ${result.unit} (budget ${budget}: ${verdict})  ${result.name}`,
    ...figures,
  ].join('\n')
}

function describeMeasurement({ name, value, unit, note }: Measurement): string {
  const figure = Number.isNaN(value)
    ? 'not measured'
    : `${value.toLocaleString('en', { maximumFractionDigits: 2 })} ${unit}`
  return `${figure}  ${name}${note === undefined ? '' : ` (${note})`}`
}
