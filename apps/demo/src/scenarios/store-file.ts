import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { StorageRecord } from '@umbra/core'
import { collectBytes } from '@umbra/core'
import { confirm } from '../confirm.ts'
import { formatBytes, formatDuration } from '../output/format-quantity.ts'
import { countBytes } from '../output/progress.ts'
import type { Stage } from '../stage.ts'
import { startStopwatch } from '../stopwatch.ts'

/** A file of somebody else's, byte by byte. Resolves to its record. */
export async function storeFile({ storage, data, out, namespaces }: Stage): Promise<StorageRecord> {
  const { module, userId } = namespaces.flights
  const { size } = await stat(data.flightsFile)
  out.scenario('Store a file: 3 million flights, as they came')
  out.explain(
    'Any bytes can be a record, with a file name and a content type. This Parquet file was made by others; it is ' +
      'streamed from disk and nothing looks inside it.',
  )
  const elapsed = startStopwatch()
  const progress = out.progress({ total: size, unit: 'bytes' })
  const record = await storage.storeData({
    module,
    userId,
    data: countBytes(createReadStream(data.flightsFile), progress),
    dataFormat: 'binary',
    filename: basename(data.flightsFile),
    contentType: 'application/vnd.apache.parquet',
  })
  progress.stop()
  confirm(record.size === size, 'the record is as large as the file')
  out.result(`${record.filename ?? ''}, ${formatBytes(record.size)}, stored in ${formatDuration(elapsed())}`)

  const range = { start: 0, end: 3 }
  const opened = await storage.openData(module, userId, record.id, { range })
  const bytes = opened === null ? new Uint8Array() : await collectBytes(opened.body)
  const magic = Buffer.from(bytes).toString('latin1')
  confirm(magic === 'PAR1', 'the first four bytes are those of a Parquet file')
  out.result(`A read of bytes 0 to 3 alone gives "${magic}", the mark of a Parquet file`)
  return record
}
