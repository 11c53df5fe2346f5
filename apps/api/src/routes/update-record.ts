import { isRecordEtag } from '@umbra/core'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { chooseVersion } from '../headers/choose-version.ts'
import { quoteEtag } from '../headers/entity-tags.ts'
import { HttpError } from '../http-error.ts'
import { toRevision, updateBody } from '../records/creation.ts'
import { toInfo } from '../records/record-info.ts'
import { recordId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import { etagHeader, recordInfo } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const updated = { content: { 'application/json': { schema: recordInfo } }, headers: etagHeader }

const requestBody = {
  required: true,
  content: {
    'application/json': { schema: updateBody },
    'application/x-ndjson': {
      schema: { type: 'string', description: 'The rows of a jsonl or parquet record' },
    },
    '*/*': { schema: { type: 'string', format: 'binary' } },
  },
} as const

export function updateRecord({ storage, readers }: RouteContext): Route {
  return namespaceRoute({
    method: 'put',
    path: '/records/{id}',
    operationId: 'updateRecord',
    summary: "Replace a record's data by a new revision",
    params: { id: recordId },
    query: {},
    headers: {
      'if-match': z.string().optional().meta({ description: 'The etag read; * for whatever is current' }),
    },
    requestBody,
    responses: {
      200: { description: 'The new revision', ...updated },
      202: { description: 'Durable here, on its way to its backend', ...updated },
      ...problems(404, 409, 412, 413, 415, 428),
    },
    async handle({ request, response, namespace, params: { id }, headers }) {
      const header = headers['if-match']
      if (header === undefined) throw versionRequired()
      const ifMatch = await chooseVersion(header, {
        isEtag: isRecordEtag,
        current: async () =>
          (await storage.retrieveInfo(namespace.module, namespace.userId, id))?.etag ?? null,
      })
      const revision = await toRevision({ request, response }, readers)
      const record = await storage.updateData({
        ...namespace,
        recordId: id,
        ...revision,
        ...defined({ ifMatch }),
      })
      response
        .status(record.pending ? 202 : 200)
        .set('etag', quoteEtag(record.etag))
        .json(toInfo(record))
    },
  })
}

function versionRequired(): HttpError {
  return new HttpError(
    'INVALID_INPUT',
    'send if-match with the etag you read, so that no other change is lost',
    {
      status: 428,
      details: { field: 'if-match' },
    },
  )
}
