import { isDeepStrictEqual } from 'node:util'
import { confirm } from '../confirm.ts'
import { formatBytes, formatCount, formatDuration } from '../output/format-quantity.ts'
import { countRows } from '../output/progress.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

/** Many rows in one record, and back row by row. */
export async function storeJsonl(stage: Stage): Promise<void> {
  const { storage, data, out, namespaces } = stage
  const { birdstrikes: rows } = data
  out.scenario(`Store JSON Lines: ${formatCount(rows.length)} bird strikes in one record`)
  out.explain(
    'Rows that belong together go into one record, one JSON value a line. They can be written from a stream and ' +
      'read back row by row, so neither end needs to hold them all in memory.',
  )
  const elapsed = startStopwatch()
  const progress = out.progress({ total: rows.length, unit: 'rows' })
  const record = await storage.storeData({
    ...namespaces.birdstrikes,
    data: { records: countRows(rows, progress) },
    dataFormat: 'jsonl',
  })
  progress.stop()
  out.result(
    `${formatCount(record.recordCount ?? 0)} rows, ${formatBytes(record.size)}, stored in ${formatDuration(elapsed())}`,
  )
  await readBack(stage, record.id)
}

async function readBack({ storage, data, out, namespaces }: Stage, recordId: string): Promise<void> {
  const { birdstrikes: rows } = data
  const { module, userId } = namespaces.birdstrikes
  const elapsed = startStopwatch()
  const progress = out.progress({ total: rows.length, unit: 'rows' })
  let read = 0
  for await (const row of storage.iterateRows(module, userId, recordId)) {
    confirm(isDeepStrictEqual(row, rows[read]), `row ${read} came back as it was`)
    read++
    progress.advance(1)
  }
  progress.stop()
  confirm(read === rows.length, 'every row came back')
  out.result(
    `${formatCount(read)} rows read back in ${formatDuration(elapsed())}, each equal to what was stored`,
  )
}
