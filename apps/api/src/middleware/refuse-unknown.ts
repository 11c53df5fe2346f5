import type { RequestHandler } from 'express'
import { HttpError } from '../http-error.ts'

export const refuseUnknownPath: RequestHandler = () => {
  throw new HttpError('NOT_FOUND', 'there is no such path; see /openapi.json')
}

/** @param methods - what the path answers, in lower case */
export function refuseOtherMethods(methods: readonly string[]): RequestHandler {
  const allowed = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
  const allow = allowed.join(', ')
  return () => {
    throw new HttpError('INVALID_INPUT', `the path does not take this method; use ${allow}`, {
      status: 405,
      headers: { allow },
    })
  }
}
