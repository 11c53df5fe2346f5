import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { Express } from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { authenticateByApiKey } from './auth/api-keys.ts'
import { createApp } from './create-app.ts'
import { createLogger } from './logger.ts'

const METHODS = ['get', 'put', 'post', 'delete'] as const
const parameter = z.looseObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  schema: z.object(),
})
const operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  security: z.array(z.unknown()).optional(),
  parameters: z.array(parameter).optional(),
  responses: z.record(z.string().regex(/^[2-5]\d\d$/), z.looseObject({ description: z.string().min(1) })),
})
const documentSchema = z.looseObject({
  openapi: z.literal('3.1.0'),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string().startsWith('/'), z.partialRecord(z.enum(METHODS), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
})

const links = { open: async () => null }

describe('/openapi.json', () => {
  let api: RunningApi
  let document: z.infer<typeof documentSchema>
  let text = ''

  beforeAll(async () => {
    api = await startApi({ links })
    const response = await fetch(`${api.url}/openapi.json`)
    expect(response.status).toBe(200)
    text = await response.text()
    document = documentSchema.parse(JSON.parse(text))
  })
  afterAll(() => api.stop())

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const found = item[method]
        return found === undefined ? [] : [{ name: `${method} ${path}`, path, ...found }]
      }),
    )

  it('names exactly the routes that the router has', () => {
    const app = createApp({
      storage: manageBackend(createMemoryBackend()),
      authenticate: authenticateByApiKey([]),
      logger: createLogger('silent'),
      limits: { bodyBytes: 1, requestsPerMinute: 1, requestTimeoutMs: 1 },
      links,
    })
    const described = operations().map(({ name }) => name)
    expect(described.toSorted()).toEqual(routesOf(app).toSorted())
    expect(described.length).toBeGreaterThan(15)
  })

  it('has every reference, every path parameter, and each operation once', () => {
    for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name)
    }
    const all = operations()
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length)
    for (const { name, path, parameters = [] } of all) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, key]) => key)
      const declared = parameters.filter((one) => one.in === 'path').map((one) => one.name)
      expect(declared, name).toEqual(inPath)
      expect(new Set(parameters.map((one) => `${one.in} ${one.name}`)).size, name).toBe(parameters.length)
    }
  })

  it('says which operations need no credentials, and they need none', async () => {
    const open = operations().filter(({ security }) => security?.length === 0)
    expect(open.map(({ path }) => path).toSorted()).toEqual([
      '/healthz',
      '/openapi.json',
      '/readyz',
      '/v1/links/{token}',
    ])
    for (const { path } of operations()) {
      const response = await fetch(api.url + path.replaceAll(/[{}]/g, ''))
      expect(response.status === 401, path).toBe(!open.some((one) => one.path === path))
    }
  })

  it('describes every failure as a problem', () => {
    for (const { name, responses } of operations()) {
      for (const [status, { content }] of Object.entries(responses)) {
        if (Number(status) < 400) continue
        expect(Object.keys(content as object), `${name} ${status}`).toEqual(['application/problem+json'])
      }
    }
  })
})

/** What Express itself has registered, as `get /v1/{module}`. */
function routesOf(app: Express): string[] {
  return app.router.stack.flatMap(({ route }) => {
    if (route === undefined) return []
    const methods = new Set(route.stack.map(({ method }) => method))
    return METHODS.filter((method) => methods.has(method)).map(
      (method) => `${method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`,
    )
  })
}
