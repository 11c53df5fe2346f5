import type { OpenedRecord, StorageManager } from '@umbra/core'
import type { Request, Response } from 'express'
import { attachment } from '../headers/content-disposition.ts'
import type { RangeRequest } from '../headers/byte-range.ts'
import { closeBody } from '../records/record-info.ts'
import { renderRecord } from '../records/render-record.ts'
import { joinText, sendChunks } from './send-chunks.ts'

/** A record as JSON, its data included. */
export async function sendAsJson(
  { request, response }: { readonly request: Request; readonly response: Response },
  storage: StorageManager,
  opened: OpenedRecord,
): Promise<void> {
  response.status(200).set('content-type', 'application/json; charset=utf-8')
  if (request.method === 'HEAD') {
    await closeBody(opened)
    response.end()
    return
  }
  await sendChunks(response, joinText(renderRecord(storage, opened)))
}

export interface BytesAnswer {
  /** Default: the whole body. */
  readonly range?: RangeRequest | undefined
  /** Default: the record's own filename. */
  readonly downloadAs?: string | undefined
}

/** A record's stored bytes. Always as an attachment: what users stored must not run in a page of this origin. */
export async function sendAsBytes(
  { request, response }: { readonly request: Request; readonly response: Response },
  opened: OpenedRecord,
  { range, downloadAs }: BytesAnswer = {},
): Promise<void> {
  const { record } = opened
  response.status(range === undefined ? 200 : 206)
  response.setHeader('content-type', record.contentType)
  response.setHeader('content-disposition', attachment(downloadAs ?? record.filename))
  if (range === undefined) {
    response.setHeader('content-length', record.size)
  } else {
    response.setHeader('content-length', range.end - range.start + 1)
    response.setHeader('content-range', `bytes ${range.start}-${range.end}/${record.size}`)
  }
  if (request.method === 'HEAD') {
    await closeBody(opened)
    response.end()
    return
  }
  await sendChunks(response, opened.body)
}
