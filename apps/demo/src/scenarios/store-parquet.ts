import { confirm } from '../confirm.ts'
import { formatBytes, formatCount, formatDuration } from '../output/format-quantity.ts'
import { countRows } from '../output/progress.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

/** Rows as columns: small to store, and readable by every data tool. */
export async function storeParquet(stage: Stage): Promise<void> {
  const { storage, data, out, namespaces } = stage
  const rows = data.flights
  out.scenario(`Store Parquet: ${formatCount(rows.length)} flights in one record`)
  out.explain(
    'The same call with another format: the rows are stored column by column and compressed. DuckDB, pandas or Spark ' +
      'open the object as it lies in storage.',
  )
  const elapsed = startStopwatch()
  const progress = out.progress({ total: rows.length, unit: 'rows' })
  const record = await storage.storeData({
    ...namespaces.flights,
    data: { records: countRows(rows, progress) },
    dataFormat: 'parquet',
  })
  progress.stop()
  const jsonBytes = Buffer.byteLength(JSON.stringify(rows))
  out.result(
    `${formatCount(record.recordCount ?? 0)} rows stored in ${formatDuration(elapsed())}: ` +
      `${formatBytes(jsonBytes)} as JSON, ${formatBytes(record.size)} as Parquet ` +
      `(${((100 * record.size) / jsonBytes).toFixed(0)} %)`,
  )
  await readBack(stage, record.id)
}

async function readBack({ storage, data, out, namespaces }: Stage, recordId: string): Promise<void> {
  const { module, userId } = namespaces.flights
  const elapsed = startStopwatch()
  const progress = out.progress({ total: data.flights.length, unit: 'rows' })
  let count = 0
  let sum = 0
  for await (const row of storage.iterateRows(module, userId, recordId)) {
    sum += delayOf(row)
    count++
    progress.advance(1)
  }
  progress.stop()
  const expected = data.flights.reduce((total, row) => total + delayOf(row), 0)
  confirm(count === data.flights.length && sum === expected, 'the stored delays add up to those in the data')
  out.result(
    `Read back row by row in ${formatDuration(elapsed())}: mean delay ${(sum / count).toFixed(2)} minutes, ` +
      'the same as computed from the source',
  )
}

function delayOf(row: unknown): number {
  return typeof row === 'object' && row !== null && 'delay' in row ? Number(row.delay) : Number.NaN
}
