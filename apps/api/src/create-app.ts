import { systemClock } from '@umbra/core'
import type { Clock, StorageManager } from '@umbra/core'
import express from 'express'
import type { Express } from 'express'
import helmet from 'helmet'
import type { Logger } from 'pino'
import type { Authenticate } from './auth/caller.ts'
import { createJsonReader } from './bodies/json-body.ts'
import { createAuthentication } from './middleware/authenticate.ts'
import type { Authentication } from './middleware/authenticate.ts'
import { handleErrors } from './middleware/handle-errors.ts'
import { limitRate } from './middleware/limit-rate.ts'
import { limitTime } from './middleware/limit-time.ts'
import { logRequests } from './middleware/log-requests.ts'
import { refuseOtherMethods, refuseUnknownPath } from './middleware/refuse-unknown.ts'
import { describeApi } from './openapi.ts'
import { namespaceRoutes } from './routes/namespace-routes.ts'
import { checkAlive, checkReady } from './routes/health.ts'
import { openLink } from './routes/links.ts'
import type { LinkOpener } from './routes/links.ts'
import type { Route } from './routes/route.ts'

export interface AppLimits {
  /** Largest JSON body and longest JSON line, bytes. Streams are bounded by the storage alone. */
  readonly bodyBytes: number
  /** Per caller. */
  readonly requestsPerMinute: number
  /** Milliseconds until a request without an answer gets one. */
  readonly requestTimeoutMs: number
}

export interface AppComponents {
  readonly storage: StorageManager
  readonly authenticate: Authenticate
  readonly logger: Logger
  readonly limits: AppLimits
  /** Default: links are not served here. */
  readonly links?: LinkOpener
  readonly clock?: Clock
}

/** The HTTP API as an Express application; it does not listen, and it does not close the storage. */
export function createApp(components: AppComponents): Express {
  const { storage, logger, limits, links, clock = systemClock } = components
  const authentication = createAuthentication(components.authenticate)
  const readers = { readJson: createJsonReader(limits.bodyBytes), maxLineBytes: limits.bodyBytes }
  const open = [checkAlive(), checkReady(storage), ...(links === undefined ? [] : [openLink(links)])]
  const guarded = namespaceRoutes({ storage, readers, clock })

  const app = express()
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing')
  app.use(logRequests(logger), helmet(), limitTime(limits.requestTimeoutMs))
  serve(app, [...open, describeApi([...open, ...guarded])], authentication)
  app.use('/v1', authentication.middleware)
  app.use(
    '/v1',
    limitRate(limits.requestsPerMinute, (request) => authentication.callerOf(request).name),
  )
  serve(app, guarded, authentication)
  app.use(refuseUnknownPath, handleErrors)
  return app
}

function serve(app: Express, routes: readonly Route[], authentication: Authentication): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const ofPath = routes.filter((route) => route.path === path)
    const served = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'))
    for (const route of ofPath) {
      served[route.method]((request, response) =>
        route.serve({ request, response }, () => authentication.callerOf(request)),
      )
    }
    served.all(refuseOtherMethods(ofPath.map(({ method }) => method)))
  }
}
