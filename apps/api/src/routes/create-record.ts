import { UmbraError } from '@umbra/core'
import { z } from 'zod'
import { createBody, toCreation } from '../records/creation.ts'
import { createOnce, idempotentId } from '../records/idempotent-create.ts'
import type { Creation } from '../records/idempotent-create.ts'
import { toInfo } from '../records/record-info.ts'
import { sendCreated } from '../responses/send-created.ts'
import { metadataFilter } from '../schemas/list-query.ts'
import { filename, recordId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import { createdHeaders, recordInfo } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const created = { content: { 'application/json': { schema: recordInfo } }, headers: createdHeaders }

const idempotencyKey = z.string().min(1).max(255).optional().meta({
  description:
    'The same request with the same key stores one record and returns it each time; not together with an id',
})

const requestBody = {
  required: true,
  content: {
    'application/json': { schema: createBody },
    'application/x-ndjson': { schema: { type: 'string', description: 'One JSON value a line' } },
    '*/*': { schema: { type: 'string', format: 'binary' } },
  },
} as const

export function createRecord({ storage, readers }: RouteContext): Route {
  return namespaceRoute({
    method: 'post',
    path: '/records',
    operationId: 'createRecord',
    summary: 'Store a new record',
    description:
      'application/json: one request. application/x-ndjson: the rows of a jsonl record, streamed. Any other type: the ' +
      'bytes of a binary record, streamed; its name comes from filename or Content-Disposition. Streams take their id ' +
      'and metadata from the query.',
    params: {},
    query: { id: recordId.optional(), filename: filename.optional(), metadata: metadataFilter.optional() },
    headers: { 'idempotency-key': idempotencyKey },
    requestBody,
    responses: {
      201: { description: 'Stored', ...created },
      202: { description: 'Durable here, on its way to its backend', ...created },
      ...problems(409, 413, 415),
    },
    async handle({ request, response, caller, namespace, query, headers }) {
      const creation = await toCreation({ request, response }, namespace, query, readers)
      const key = headers['idempotency-key']
      const record =
        key === undefined
          ? toInfo(await storage.storeData(creation.request))
          : await createOnce(storage, withId(creation, idempotentId(caller, namespace, key)))
      sendCreated(response, record)
    },
  })
}

function withId(creation: Creation, id: string): Creation {
  if (creation.request.id !== undefined) {
    throw new UmbraError('INVALID_INPUT', 'send an id or an idempotency-key, not both', {
      details: { field: 'id' },
    })
  }
  return { ...creation, request: { ...creation.request, id } }
}
