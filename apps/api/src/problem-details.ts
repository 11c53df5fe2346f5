import { ERROR_CODES, isUmbraError } from '@umbra/core'
import type { ErrorCode, UmbraError } from '@umbra/core'
import { HttpError } from './http-error.ts'
import { HTTP_STATUS } from './http-status.ts'

/** Facts of an error that help its caller and show nothing of the inside. */
const SHOWN_DETAILS = [
  'field',
  'issues',
  'reason',
  'id',
  'uploadId',
  'index',
  'line',
  'bytes',
  'limit',
  'limitBytes',
  'capability',
  'currentEtag',
] as const

/** Seconds a client should wait before it tries an unavailable backend again. */
const RETRY_AFTER_SECONDS = '5'

/** An RFC 9457 problem and the headers that go with it. */
export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>> & { readonly status: number; readonly code: ErrorCode }
}

/** What a client is told about any failure. Defects and the server's own settings are not described to it. */
export function toProblem(error: unknown, requestId: string): Problem {
  const shown = showable(error)
  const { code, details } = shown
  const status = shown instanceof HttpError ? shown.status : HTTP_STATUS[code]
  const currentEtag = details['currentEtag']
  return {
    status,
    headers: {
      ...((status === 503 || storageIsBusy(shown)) && { 'retry-after': RETRY_AFTER_SECONDS }),
      ...(status === 412 && typeof currentEtag === 'string' && { etag: `"${currentEtag}"` }),
      ...(shown instanceof HttpError && shown.headers),
    },
    body: {
      type: `urn:umbra:error:${code}`,
      title: ERROR_CODES[code].summary,
      status,
      detail: shown.message,
      code,
      instance: requestId,
      ...pickShown(details),
    },
  }
}

/** Our own rate limit says itself when to go on. */
function storageIsBusy(error: UmbraError): boolean {
  return error.code === 'RATE_LIMITED' && !(error instanceof HttpError)
}

function showable(error: unknown): UmbraError {
  if (error instanceof HttpError) return error
  if (isUmbraError(error)) return fromStorage(error)
  return fromExpress(error) ?? internal(error)
}

function fromStorage(error: UmbraError): UmbraError {
  switch (error.code) {
    case 'INTERNAL':
    case 'CONFIGURATION':
      return internal(error)
    // The server's credentials for its own storage: the caller's are another matter.
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return new HttpError('UNAVAILABLE', 'the server cannot use its storage now', { cause: error })
    default:
      return error
  }
}

/** Express and its parsers mark the errors a client caused with a 4xx status. */
function fromExpress(error: unknown): HttpError | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined
  const { status } = error
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined
  if (status === 413) {
    const limitBytes = 'limit' in error ? error.limit : undefined
    return new HttpError('TOO_LARGE', 'the body is larger than the limit', {
      cause: error,
      details: { limitBytes },
    })
  }
  const what =
    error instanceof URIError ? 'the path is not valid percent-encoding' : 'the request is malformed'
  return new HttpError('INVALID_INPUT', what, { status, cause: error })
}

function internal(cause: unknown): HttpError {
  return new HttpError('INTERNAL', 'the server failed; the instance names this failure in its log', { cause })
}

function pickShown(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    SHOWN_DETAILS.flatMap((name) => (details[name] === undefined ? [] : [[name, details[name]]])),
  )
}
