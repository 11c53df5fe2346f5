import { UmbraError, recordNotFound } from '@umbra/core'
import type { Namespace, OpenedRecord, StorageManager, StorageRecordInfo } from '@umbra/core'
import type { Request } from 'express'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { requestedRange } from '../headers/byte-range.ts'
import type { RangeRequest } from '../headers/byte-range.ts'
import { includesEtag, parseEntityTags, quoteEtag } from '../headers/entity-tags.ts'
import { closeBody } from '../records/record-info.ts'
import { sendAsBytes, sendAsJson } from '../responses/send-record.ts'
import { consistency } from '../schemas/consistency.ts'
import { recordId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import { etagHeader, record } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Exchange, Route } from './route.ts'

const BYTES = 'application/octet-stream'
const JSON_TYPE = 'application/json'

const raw = z.literal('1').optional().meta({ description: 'The stored bytes, whatever the format' })

const bytes = {
  content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
  headers: etagHeader,
} as const

export function readRecord({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'get',
    path: '/records/{id}',
    operationId: 'readRecord',
    summary: 'Read a record',
    description:
      'As JSON with its data; binary records, and all with raw=1 or Accept: application/octet-stream, as the stored ' +
      'bytes, of which a Range may be asked. A binary record answers Accept: application/json with its description.',
    params: { id: recordId },
    query: { raw, consistency },
    headers: {
      'if-none-match': z.string().optional(),
      range: z.string().optional().meta({ example: 'bytes=0-1023' }),
    },
    responses: {
      200: {
        ...bytes,
        description: 'The record',
        content: { [JSON_TYPE]: { schema: record }, ...bytes.content },
      },
      206: { ...bytes, description: 'The range of its bytes' },
      304: { description: 'Unchanged', headers: etagHeader },
      ...problems(404, 416),
    },
    async handle({ request, response, namespace, params: { id }, query, headers }) {
      const known = parseEntityTags(headers['if-none-match'], 'if-none-match')
      const reading = defined({ consistency: query.consistency })
      const opened = await storage.openData(namespace.module, namespace.userId, id, reading)
      if (opened === null) throw recordNotFound(id)
      response.vary('accept').set('etag', quoteEtag(opened.record.etag))
      if (includesEtag(known, opened.record.etag)) {
        await closeBody(opened)
        response.status(304).end()
        return
      }
      const exchange = { request, response }
      if (query.raw === '1' || wantsBytes(request, opened.record)) {
        await answerBytes(exchange, storage, { namespace, opened })
      } else {
        await sendAsJson(exchange, storage, opened)
      }
    },
  })
}

/** Binary records go as bytes unless JSON is asked for, the others as JSON unless bytes are. */
function wantsBytes(request: Request, { dataFormat, contentType }: StorageRecordInfo): boolean {
  if (dataFormat !== 'binary') return request.accepts([JSON_TYPE, BYTES]) === BYTES
  return request.accepts([contentType, BYTES, JSON_TYPE]) !== JSON_TYPE
}

async function answerBytes(
  exchange: Exchange,
  storage: StorageManager,
  { namespace, opened }: { readonly namespace: Namespace; readonly opened: OpenedRecord },
): Promise<void> {
  exchange.response.set('accept-ranges', 'bytes')
  // The range depends on the size, which is known only now, so the body is opened again.
  const range = exchange.request.method === 'GET' ? await rangeOf(exchange.request, opened) : undefined
  if (range === undefined) {
    await sendAsBytes(exchange, opened)
    return
  }
  await closeBody(opened)
  const part = await storage.openData(namespace.module, namespace.userId, opened.record.id, { range })
  if (part?.record.etag !== opened.record.etag) {
    if (part !== null) await closeBody(part)
    throw new UmbraError(
      'CONFLICT',
      `the record changed while it was read; read it again. id=${opened.record.id}`,
    )
  }
  await sendAsBytes(exchange, part, { range })
}

async function rangeOf(request: Request, opened: OpenedRecord): Promise<RangeRequest | undefined> {
  try {
    return requestedRange(request, opened.record)
  } catch (error) {
    await closeBody(opened)
    throw error
  }
}
