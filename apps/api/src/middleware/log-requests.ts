import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'
import type { Logger } from 'pino'

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/
const REQUEST_ID = 'x-request-id'
const PROBES = new Set(['/healthz', '/readyz'])

/** What went wrong with an answer, for its log line. */
const failures = new WeakMap<ServerResponse, unknown>()

/**
 * Takes or makes the request's id, echoes it, and logs one line for every request but the probes' good ones. The line
 * is written by hand: pino-http's child loggers cost more than the rest of a small read.
 */
export function logRequests(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now()
    response.setHeader(REQUEST_ID, takeRequestId(request))
    // Without a listener a failing connection would end the process.
    response.on('error', (error) => failures.set(response, error))
    response.once('close', () => {
      const err = failures.get(response)
      if (err === undefined && response.statusCode < 500 && PROBES.has(request.originalUrl)) return
      const line = { req: describeRequest(request, response), res: describeResponse(response), err }
      const responseTime = Math.round(performance.now() - startedAt)
      if (err === undefined) logger.info({ ...line, responseTime }, 'request completed')
      else logger.error({ ...line, responseTime }, 'request failed')
    })
    next()
  }
}

/** Has the answer's log line say why it failed. */
export function logFailure(response: ServerResponse, error: unknown): void {
  failures.set(response, error)
}

/** The id a request is logged and answered under. */
export function requestId(response: ServerResponse): string {
  return String(response.getHeader(REQUEST_ID))
}

/** Without its query, where search words and signatures stand, and without a link's token. */
export function loggablePath(url: string): string {
  const [path = ''] = url.split('?')
  return path.replace(/^\/v1\/links\/.*/, '/v1/links/[redacted]')
}

function takeRequestId(request: IncomingMessage): string {
  const given = request.headers[REQUEST_ID]
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID()
}

function describeRequest(
  request: IncomingMessage & { originalUrl: string },
  response: ServerResponse,
): object {
  return {
    id: requestId(response),
    method: request.method,
    path: loggablePath(request.originalUrl),
    remoteAddress: request.socket.remoteAddress,
  }
}

function describeResponse(response: ServerResponse): object {
  return { statusCode: response.statusCode, complete: response.writableFinished }
}
