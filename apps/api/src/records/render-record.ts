import { UmbraError } from '@umbra/core'
import type { OpenedRecord, StorageManager, StorageRecordInfo } from '@umbra/core'
import { textLines } from '../bodies/text-lines.ts'
import { closeBody } from './record-info.ts'

/** An opened record as JSON text, data included except for `binary`, in bounded memory. */
export async function* renderRecord(
  storage: StorageManager,
  opened: OpenedRecord,
): AsyncGenerator<string, void, undefined> {
  const { record } = opened
  // Everything but the closing brace: the data follows as it is stored.
  const start = JSON.stringify(record).slice(0, -1)
  switch (record.dataFormat) {
    case 'binary':
      await closeBody(opened)
      yield `${start}}`
      return
    case 'json':
      yield `${start},"data":`
      yield* decodeText(opened.body)
      yield '}'
      return
    case 'jsonl':
      yield `${start},"data":{"records":[`
      yield* withCommas(textLines(opened.body, Infinity))
      yield ']}}'
      return
    case 'parquet':
      await closeBody(opened)
      yield `${start},"data":{"records":[`
      yield* withCommas(renderRows(storage, record))
      yield ']}}'
      return
    default:
      record.dataFormat satisfies never
  }
}

/** Rows are read on their own, so that they are of the described revision has to be made sure of. */
async function* renderRows(storage: StorageManager, record: StorageRecordInfo): AsyncGenerator<string> {
  for await (const row of storage.iterateRows(record.module, record.userId, record.id))
    yield JSON.stringify(row)
  const now = await storage.retrieveInfo(record.module, record.userId, record.id)
  if (now?.etag !== record.etag) {
    throw new UmbraError('CONFLICT', `the record changed while it was read; read it again. id=${record.id}`)
  }
}

async function* withCommas(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let separator = ''
  for await (const text of texts) {
    yield separator + text
    separator = ','
  }
}

async function* decodeText(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true })
  yield decoder.decode()
}
