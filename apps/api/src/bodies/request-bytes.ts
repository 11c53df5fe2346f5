import type { Readable } from 'node:stream'
import type { Request } from 'express'
import { unsupportedMediaType } from '../http-error.ts'

/**
 * A request's body as it arrives. Leaving it early keeps the connection, so that the client still gets its answer.
 *
 * @throws status 415 for an encoded body: it would be stored as it came, under the type of what is inside
 */
export function requestBytes(request: Request): AsyncIterable<Uint8Array> {
  const encoding = request.get('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw unsupportedMediaType(
      'send the body without content-encoding; only application/json may be compressed',
    )
  }
  const body: Readable = request
  return body.iterator({ destroyOnReturn: false })
}
