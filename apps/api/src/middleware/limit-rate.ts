import type { RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import type { Request } from 'express'
import { HttpError } from '../http-error.ts'

const WINDOW_MS = 60_000

/** @param callerName - who a request is counted for */
export function limitRate(
  requestsPerMinute: number,
  callerName: (request: Request) => string,
): RequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: requestsPerMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: callerName,
    handler: (_request, _response, next) => {
      next(new HttpError('RATE_LIMITED', `more than ${requestsPerMinute} requests in a minute; slow down`))
    },
  })
}
