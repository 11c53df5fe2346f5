import type { StorageManager } from '@umbra/core'
import { z } from 'zod'
import { HttpError } from '../http-error.ts'
import { problems } from '../schemas/problem-schema.ts'
import { openRoute } from './route.ts'
import type { Route } from './route.ts'

const alive = z.strictObject({ status: z.literal('alive') }).meta({ id: 'Alive' })
const ready = z
  .strictObject({ status: z.literal('ready'), message: z.string(), latencyMs: z.number() })
  .meta({ id: 'Ready' })

export function checkAlive(): Route {
  return openRoute({
    method: 'get',
    path: '/healthz',
    operationId: 'checkAlive',
    summary: 'Whether the process is up',
    responses: { 200: { description: 'It is', content: { 'application/json': { schema: alive } } } },
    handle({ response }) {
      response.json({ status: 'alive' })
    },
  })
}

export function checkReady(storage: StorageManager): Route {
  return openRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'checkReady',
    summary: 'Whether the storage answers',
    responses: {
      200: { description: 'It does', content: { 'application/json': { schema: ready } } },
      ...problems(503),
    },
    async handle({ response }) {
      const { healthy, message, latencyMs } = await storage.health()
      if (!healthy) throw new HttpError('UNAVAILABLE', `the storage does not answer: ${message}`)
      response.json({ status: 'ready', message, latencyMs })
    },
  })
}
