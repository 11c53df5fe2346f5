import type { Namespace } from '@umbra/core'
import { parseInput } from '@umbra/core'
import type { Request, Response } from 'express'
import { z } from 'zod'
import type {
  ZodOpenApiOperationObject,
  ZodOpenApiRequestBodyObject,
  ZodOpenApiResponsesObject,
} from 'zod-openapi'
import type { Caller } from '../auth/caller.ts'
import { HttpError } from '../http-error.ts'
import { namespaceParams } from '../schemas/names.ts'
import { problems } from '../schemas/problem-schema.ts'
import { readQuery } from './read-query.ts'

export type Method = 'get' | 'post' | 'put' | 'delete'

/** One method of one path: how it is served, and how it is described. */
export interface Route {
  readonly method: Method
  /** As OpenAPI writes it: `/v1/{module}`. */
  readonly path: string
  readonly operation: ZodOpenApiOperationObject
  /** `undefined`: served to everybody. */
  readonly serve: (exchange: Exchange, callerOf: () => Caller) => Promise<void> | void
}

export interface Exchange {
  readonly request: Request
  readonly response: Response
}

interface Description {
  readonly method: Method
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly requestBody?: ZodOpenApiRequestBodyObject
  readonly responses: ZodOpenApiResponsesObject
}

export interface OpenRoute extends Description {
  readonly params?: z.ZodRawShape
  readonly handle: (exchange: Exchange) => Promise<void> | void
}

/** A path that needs no credentials. */
export function openRoute(route: OpenRoute): Route {
  const { method, path, handle, params, ...operation } = route
  return {
    method,
    path,
    operation: {
      ...operation,
      security: [],
      ...(params !== undefined && { requestParams: { path: z.object(params) } }),
    },
    serve: (exchange) => handle(exchange),
  }
}

export interface NamespaceExchange<P, Q, H> extends Exchange {
  readonly caller: Caller
  /** Checked: the caller may use it. */
  readonly namespace: Namespace
  readonly params: P
  readonly query: Q
  readonly headers: H
}

type Parsed<S extends z.ZodRawShape> = z.output<z.ZodObject<S, z.core.$strict>>

type Shape = z.ZodRawShape

export interface NamespaceRoute<P extends Shape, Q extends Shape, H extends Shape> extends Description {
  /** Below `/v1/{module}/{user}`. */
  readonly path: `/${string}`
  /** Beyond module and user. */
  readonly params: P
  readonly query: Q
  /** By their names in lower case; others are none of the route's business. */
  readonly headers: H
  readonly handle: (exchange: NamespaceExchange<Parsed<P>, Parsed<Q>, Parsed<H>>) => Promise<void>
}

/** A path within one namespace. The handler runs only with a namespace its caller may use, and parsed parameters. */
export function namespaceRoute<P extends Shape, Q extends Shape, H extends Shape>(
  route: NamespaceRoute<P, Q, H>,
): Route {
  const { method, path, handle, params, query, headers, responses, ...operation } = route
  const schemas = { params: z.strictObject(params), query: z.strictObject(query), headers: z.object(headers) }
  return {
    method,
    path: `/v1/{module}/{user}${path}`,
    operation: {
      ...operation,
      requestParams: {
        path: z.object({ ...namespaceParams, ...params }),
        query: schemas.query,
        header: schemas.headers,
      },
      responses: { ...responses, ...problems(400, 401, 403, 429, 503) },
    },
    async serve({ request, response }, callerOf) {
      const { module, user, ...rest } = request.params
      const named = parseInput(namespaceSchema, { module, user })
      const namespace = { module: named.module, userId: named.user }
      const caller = callerOf()
      if (!caller.allows(namespace)) {
        throw new HttpError('FORBIDDEN', 'the api key is not bound to this module and user')
      }
      await handle({
        request,
        response,
        caller,
        namespace,
        params: parseInput(schemas.params, rest),
        query: parseInput(schemas.query, readQuery(request.url)),
        headers: parseInput(schemas.headers, request.headers),
      })
    },
  }
}

const namespaceSchema = z.strictObject(namespaceParams)
