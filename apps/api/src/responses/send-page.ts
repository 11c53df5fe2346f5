import type { ListedRecord } from '../records/load-records.ts'
import type { Response } from 'express'
import { joinText, sendChunks } from './send-chunks.ts'

/** `{ items, cursor }`, written while the records are still being read. */
export async function sendPage(
  response: Response,
  records: AsyncIterable<ListedRecord>,
  cursor: string | undefined,
): Promise<void> {
  response.status(200).set('content-type', 'application/json; charset=utf-8')
  await sendChunks(response, joinText(renderPage(records, cursor)))
}

/** One record a line. */
export async function sendLines(response: Response, records: AsyncIterable<ListedRecord>): Promise<void> {
  response.status(200).set('content-type', 'application/x-ndjson; charset=utf-8')
  await sendChunks(response, joinText(renderLines(records)))
}

async function* renderPage(
  records: AsyncIterable<ListedRecord>,
  cursor: string | undefined,
): AsyncGenerator<string> {
  let separator = ''
  yield '{"items":['
  for await (const record of records) {
    yield separator + JSON.stringify(record)
    separator = ','
  }
  yield `],"cursor":${JSON.stringify(cursor ?? null)}}`
}

async function* renderLines(records: AsyncIterable<ListedRecord>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`
}
