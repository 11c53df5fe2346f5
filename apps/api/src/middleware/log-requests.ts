import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'
import type { Logger } from 'pino'
import { pinoHttp } from 'pino-http'

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Takes or makes the request's id, echoes it, and logs one line for every request but the probes'. */
export function logRequests(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    genReqId: takeRequestId,
    autoLogging: { ignore: ({ url }) => url === '/healthz' || url === '/readyz' },
    customLogLevel: (_request, response, error) =>
      error !== undefined || response.statusCode >= 500 ? 'error' : 'info',
    wrapSerializers: false,
    serializers: { req: describeRequest, res: describeResponse },
  })
}

/** The id this request is logged and answered under. */
export function requestId(request: IncomingMessage): string {
  // Always a string: see takeRequestId.
  return typeof request.id === 'string' ? request.id : ''
}

/** Without its query, where search words and signatures stand, and without a link's token. */
export function loggablePath(url: string): string {
  const [path = ''] = url.split('?')
  return path.replace(/^\/v1\/links\/.*/, '/v1/links/[redacted]')
}

function takeRequestId(request: IncomingMessage, response: ServerResponse): string {
  const given = request.headers['x-request-id']
  const id = typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID()
  response.setHeader('x-request-id', id)
  return id
}

function describeRequest(request: IncomingMessage): object {
  return {
    id: request.id,
    method: request.method,
    path: loggablePath(request.url ?? ''),
    remoteAddress: request.socket.remoteAddress,
  }
}

function describeResponse(response: ServerResponse): object {
  return { statusCode: response.statusCode, complete: response.writableFinished }
}
