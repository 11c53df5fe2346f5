import type { Page } from '@umbra/core'
import type { ListedRecord } from '../records/load-records.ts'
import type { Response } from 'express'
import { joinText, sendChunks } from './send-chunks.ts'

/** What a page says besides its records. */
type PageEnd = Pick<Page<unknown>, 'cursor' | 'stale'>

/** `{ items, cursor, stale }`, written while the records are still being read. */
export async function sendPage(
  response: Response,
  records: AsyncIterable<ListedRecord>,
  page: PageEnd,
): Promise<void> {
  response.status(200).set('content-type', 'application/json; charset=utf-8')
  await sendChunks(response, joinText(renderPage(records, page)))
}

/** One record a line. */
export async function sendLines(response: Response, records: AsyncIterable<ListedRecord>): Promise<void> {
  response.status(200).set('content-type', 'application/x-ndjson; charset=utf-8')
  await sendChunks(response, joinText(renderLines(records)))
}

async function* renderPage(
  records: AsyncIterable<ListedRecord>,
  { cursor, stale }: PageEnd,
): AsyncGenerator<string> {
  let separator = ''
  yield '{"items":['
  for await (const record of records) {
    yield separator + JSON.stringify(record)
    separator = ','
  }
  // The brace that opens it is the page's own.
  yield `],${JSON.stringify({ cursor: cursor ?? null, stale }).slice(1)}`
}

async function* renderLines(records: AsyncIterable<ListedRecord>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`
}
