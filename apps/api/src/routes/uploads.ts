import { parseInput } from '@umbra/core'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { sendCreated } from '../responses/send-created.ts'
import { expiresIn, filename, metadata, uploadId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import { createdHeaders, recordInfo } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const uploadBody = z
  .strictObject({
    contentType: z
      .string()
      .meta({ description: 'What will be sent; bound into the link', example: 'image/png' }),
    expiresIn: expiresIn.optional(),
  })
  .meta({ id: 'NewUpload' })

const upload = z
  .strictObject({ uploadId: z.string(), url: z.url().meta({ description: 'PUT the file here' }) })
  .meta({ id: 'Upload' })

const finalizeBody = z
  .strictObject({ filename: filename.optional(), metadata: metadata.optional() })
  .meta({ id: 'FinishedUpload' })

export function createUpload({ storage, readers }: RouteContext): Route {
  return namespaceRoute({
    method: 'post',
    path: '/uploads',
    operationId: 'createUpload',
    summary: 'Make a link that accepts one file without credentials',
    params: {},
    query: {},
    headers: {},
    requestBody: { required: true, content: { 'application/json': { schema: uploadBody } } },
    responses: {
      201: { description: 'The link', content: { 'application/json': { schema: upload } } },
      ...problems(415, 501),
    },
    async handle({ request, response, namespace }) {
      const { contentType, ...optional } = parseInput(uploadBody, await readers.readJson(request, response))
      response
        .status(201)
        .json(await storage.createUpload({ ...namespace, contentType, ...defined(optional) }))
    },
  })
}

export function finalizeUpload({ storage, readers }: RouteContext): Route {
  const created = { content: { 'application/json': { schema: recordInfo } }, headers: createdHeaders }
  return namespaceRoute({
    method: 'post',
    path: '/uploads/{id}/finalize',
    operationId: 'finalizeUpload',
    summary: 'Make an uploaded file a binary record; a repeat returns the same record',
    params: { id: uploadId },
    query: {},
    headers: {},
    requestBody: { required: true, content: { 'application/json': { schema: finalizeBody } } },
    responses: {
      201: { description: 'The record', ...created },
      202: { description: 'Durable here, on its way to its backend', ...created },
      ...problems(404, 413, 415, 501),
    },
    async handle({ request, response, namespace, params: { id } }) {
      const optional = parseInput(finalizeBody, await readers.readJson(request, response))
      sendCreated(
        response,
        await storage.finalizeUpload({ ...namespace, uploadId: id, ...defined(optional) }),
      )
    },
  })
}
