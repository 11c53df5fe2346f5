import type { Request, RequestHandler } from 'express'
import type { Authenticate, Caller } from '../auth/caller.ts'
import { HttpError } from '../http-error.ts'

export interface Authentication {
  readonly middleware: RequestHandler
  /** The caller of a request that passed {@link middleware}. @throws `UNAUTHENTICATED` for any other. */
  callerOf(request: Request): Caller
}

export function createAuthentication(authenticate: Authenticate): Authentication {
  const callers = new WeakMap<Request, Caller>()
  return {
    middleware: async (request, _response, next) => {
      callers.set(request, await authenticate(request))
      next()
    },
    callerOf(request) {
      const caller = callers.get(request)
      if (caller === undefined) throw new HttpError('UNAUTHENTICATED', 'send credentials')
      return caller
    },
  }
}
