import type { Request, RequestHandler } from 'express'
import { HttpError } from '../http-error.ts'

/** Answers a request for which no response has begun in time. What it started goes on, so a write's outcome is open. */
export function limitTime(timeoutMs: number): RequestHandler {
  return (request, response, next) => {
    const timer = setTimeout(() => {
      if (response.headersSent) return
      // Whoever still waits for the rest of the body is told that it will not come.
      if (!request.complete) response.once('close', () => request.destroy())
      next(timeoutError(request))
    }, timeoutMs)
    response.once('close', () => clearTimeout(timer))
    next()
  }
}

function timeoutError(request: Request): HttpError {
  if (!request.complete) {
    return new HttpError('TIMEOUT', 'the request did not arrive in time; send it faster or in parts', {
      status: 408,
      headers: { connection: 'close' },
    })
  }
  if (request.method === 'GET' || request.method === 'HEAD') {
    return new HttpError('TIMEOUT', 'the storage did not answer in time; try later')
  }
  return new HttpError(
    'OUTCOME_PENDING',
    'the storage did not answer in time; read before repeating the request',
  )
}
