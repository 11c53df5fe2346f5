import { UmbraError } from '@umbra/core'
import type { Namespace, StorageManager } from '@umbra/core'
import { z } from 'zod'
import { defined } from '../defined.ts'
import { chooseVersion } from '../headers/choose-version.ts'
import { includesEtag, parseEntityTags, quoteEtag } from '../headers/entity-tags.ts'
import { consistency } from '../schemas/consistency.ts'
import { problems } from '../schemas/problem-schema.ts'
import { etagHeader } from '../schemas/record-schemas.ts'
import type { RouteContext } from './route-context.ts'
import { namespaceRoute } from './route.ts'
import type { Route } from './route.ts'

const PATH = '/blobs/{key}'
const params = { key: z.string().min(1).meta({ description: 'The name of the value', example: 'settings' }) }
const value = z.unknown().meta({ description: 'Any JSON value' })
const stored = z.strictObject({ etag: z.string(), size: z.int() }).meta({ id: 'StoredBlob' })
const ifMatch = z.string().optional().meta({ description: 'Only this version; * for any' })

export function readBlob({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'get',
    path: PATH,
    operationId: 'readBlob',
    summary: 'Read a JSON value by its key',
    params,
    query: { consistency },
    headers: { 'if-none-match': z.string().optional() },
    responses: {
      200: {
        description: 'The value',
        content: { 'application/json': { schema: value } },
        headers: etagHeader,
      },
      304: { description: 'Unchanged', headers: etagHeader },
      ...problems(404),
    },
    async handle({ response, namespace, params: { key }, query, headers }) {
      const known = parseEntityTags(headers['if-none-match'], 'if-none-match')
      const blob = await storage.getBlob(blobKey(namespace, key), defined(query))
      if (blob === null) throw blobNotFound(key)
      response.set('etag', quoteEtag(blob.etag))
      if (includesEtag(known, blob.etag)) response.status(304).end()
      else response.json(blob.value)
    },
  })
}

export function writeBlob({ storage, readers }: RouteContext): Route {
  const answer = { content: { 'application/json': { schema: stored } }, headers: etagHeader }
  return namespaceRoute({
    method: 'put',
    path: PATH,
    operationId: 'writeBlob',
    summary: 'Store a JSON value under a key',
    params,
    query: {},
    headers: { 'if-match': ifMatch, 'if-none-match': z.literal('*', 'must be * (create only)').optional() },
    requestBody: { required: true, content: { 'application/json': { schema: value } } },
    responses: {
      200: { description: 'Stored', ...answer },
      201: { description: 'Created, as If-None-Match: * asked', ...answer },
      ...problems(412, 413, 415),
    },
    async handle({ request, response, namespace, params: { key }, headers }) {
      const path = blobKey(namespace, key)
      const ifNoneMatch = headers['if-none-match']
      const expected = await blobVersion(storage, path, headers['if-match'])
      const blob = await readers.readJson(request, response)
      const { etag, size } = await storage.putBlob(path, blob, defined({ ifMatch: expected, ifNoneMatch }))
      response
        .status(ifNoneMatch === '*' ? 201 : 200)
        .set('etag', quoteEtag(etag))
        .json({ etag, size })
    },
  })
}

export function deleteBlob({ storage }: RouteContext): Route {
  return namespaceRoute({
    method: 'delete',
    path: PATH,
    operationId: 'deleteBlob',
    summary: 'Delete a JSON value',
    params,
    query: {},
    headers: { 'if-match': ifMatch },
    responses: { 204: { description: 'Deleted' }, ...problems(404, 412) },
    async handle({ response, namespace, params: { key }, headers }) {
      const path = blobKey(namespace, key)
      const expected = await blobVersion(storage, path, headers['if-match'])
      if (!(await storage.deleteBlob(path, defined({ ifMatch: expected })))) throw blobNotFound(key)
      response.status(204).end()
    },
  })
}

/** Encoded parts hold no slash, so no key of one namespace can reach into another. */
function blobKey({ module, userId }: Namespace, key: string): string {
  return [module, userId, key].map(encodeURIComponent).join('/')
}

/** The version a write expects; `*` expects whatever is there now. */
async function blobVersion(
  storage: StorageManager,
  path: string,
  header: string | undefined,
): Promise<string | undefined> {
  if (header === undefined) return undefined
  const current = async () => (await storage.getBlob(path))?.etag ?? null
  const chosen = await chooseVersion(header, { isEtag: (text) => /^[0-9a-f]{32}$/.test(text), current })
  const version = chosen ?? (await current())
  if (version !== null) return version
  throw new UmbraError('PRECONDITION_FAILED', 'there is no such blob to replace', {
    details: { currentEtag: null },
  })
}

function blobNotFound(key: string): UmbraError {
  return new UmbraError('NOT_FOUND', 'there is no such blob', { details: { id: key } })
}
