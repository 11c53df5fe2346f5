import { hasErrorCode, parseInput, UmbraError, recordNotFound } from '@umbra/core'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { expiresIn, filename, recordId } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const DEFAULT_EXPIRES_IN_SECONDS = 3_600

const presignBody = z
  .strictObject({
    expiresIn: expiresIn.default(DEFAULT_EXPIRES_IN_SECONDS),
    downloadAs: filename.optional(),
  })
  .meta({ id: 'NewLink' })

const link = z.strictObject({ url: z.url(), expiresAt: z.iso.datetime() }).meta({ id: 'Link' })

export function presignRecord({ storage, readers, clock }: RouteContext): Route {
  return namespaceRoute({
    method: 'post',
    path: '/records/{id}/presign',
    operationId: 'presignRecord',
    summary: 'Make a link that downloads the current revision without credentials',
    params: { id: recordId },
    query: {},
    headers: {},
    requestBody: { required: true, content: { 'application/json': { schema: presignBody } } },
    responses: {
      200: { description: 'The link', content: { 'application/json': { schema: link } } },
      ...problems(404, 409, 415, 501),
    },
    async handle({ request, response, namespace, params: { id } }) {
      const options = parseInput(presignBody, await readers.readJson(request, response))
      const record = await storage.retrieveInfo(namespace.module, namespace.userId, id)
      if (record === null) throw recordNotFound(id)
      const expiresAt = new Date(clock.now() + options.expiresIn * 1_000).toISOString()
      const url = await storage.generatePresignedUrl(record.storageKey, defined(options)).catch(asConflict)
      response.json({ url, expiresAt })
    },
  })
}

/** The record was there a moment ago, so its key is merely not the current one any more. */
function asConflict(error: unknown): never {
  if (!hasErrorCode(error, 'NOT_FOUND')) throw error
  throw new UmbraError('CONFLICT', 'the record changed meanwhile; ask again', { cause: error })
}
