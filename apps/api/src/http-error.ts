import { UmbraError } from '@umbra/core'
import type { ErrorCode, UmbraErrorOptions } from '@umbra/core'
import { HTTP_STATUS } from './http-status.ts'

export interface HttpErrorOptions extends UmbraErrorOptions {
  /** Default: the code's own. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A failure found by the HTTP layer itself, where the status or a header says more than the code. */
export class HttpError extends UmbraError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, options: HttpErrorOptions = {}) {
    super(code, message, options)
    this.status = options.status ?? HTTP_STATUS[code]
    this.headers = options.headers ?? {}
  }
}

export function unsupportedMediaType(message: string): HttpError {
  return new HttpError('INVALID_INPUT', message, { status: 415, details: { field: 'content-type' } })
}
