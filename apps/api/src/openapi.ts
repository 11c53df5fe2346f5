import { createDocument } from 'zod-openapi'
import type { ZodOpenApiPathsObject } from 'zod-openapi'
import { openRoute } from './routes/route.ts'
import type { Route } from './routes/route.ts'

export const OPENAPI_PATH = '/openapi.json'

/** The document that describes the routes, itself among them, made once from the schemas they validate with. */
export function describeApi(routes: readonly Route[]): Route {
  const own = openRoute({
    method: 'get',
    path: OPENAPI_PATH,
    operationId: 'describeApi',
    summary: 'This document',
    responses: {
      200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
    },
    handle({ response }) {
      response.type('application/json').send(text)
    },
  })
  const text = JSON.stringify(createApiDocument([...routes, own]))
  return own
}

function createApiDocument(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {}
  for (const { method, path, operation } of routes) paths[path] = { ...paths[path], [method]: operation }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Umbra Storage',
      version: '1',
      description:
        'Records of one module and user at a time. Every failure is an RFC 9457 problem with a stable code.',
    },
    components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
    security: [{ apiKey: [] }],
    paths,
  })
}
