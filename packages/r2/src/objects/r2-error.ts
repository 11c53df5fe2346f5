import { isUmbraError, UmbraError } from '@umbra/core'
import {
  MEANING_BY_ERROR_NAME,
  MEANING_BY_S3_CODE,
  MEANING_BY_STATUS,
  NO_ANSWER,
  NOT_THE_STORE,
  REFUSED_REQUEST,
  UNKNOWN_FAILURE,
} from './r2-error-table.ts'
import type { FailureMeaning } from './r2-error-table.ts'

export interface FailedCall {
  readonly operation: string
  /** The key or prefix it was about. */
  readonly key: string
  /** `write`: it changes what is stored. `none`: a step of a write that has no effect by itself. Default: it reads. */
  readonly effect?: 'write' | 'none' | undefined
}

interface Facts {
  readonly name: string
  /** The store's own error code was in the answer: `name` is that, and not what the SDK says for want of one. */
  readonly hasCode: boolean
  readonly httpStatus: number | undefined
  readonly requestId: string | undefined
  /** A system error code such as `ECONNRESET`. */
  readonly systemCode: string | undefined
}

/**
 * The one translator from an SDK failure. Details: `operation`, `key`, and as far as known `httpStatus`, `s3Code`,
 * `requestId`, `systemCode`; for writes `outcome`: `not-applied` only when the store said so, else `unknown`.
 */
export function toR2Error(cause: unknown, call: FailedCall): UmbraError {
  if (isUmbraError(cause)) return cause
  const facts = factsOf(cause)
  const meaning = meaningOf(facts)
  const { httpStatus, requestId, systemCode } = facts
  const message = `r2 ${meaning.message}. operation=${call.operation} key=${call.key}`
  return new UmbraError(meaning.code, message, {
    cause: withoutExchange(cause),
    details: {
      operation: call.operation,
      key: call.key,
      ...(call.effect !== undefined && {
        outcome: meaning.notApplied || call.effect === 'none' ? 'not-applied' : 'unknown',
      }),
      ...(httpStatus !== undefined && { httpStatus, s3Code: facts.name }),
      ...(requestId !== undefined && { requestId }),
      ...(systemCode !== undefined && { systemCode }),
    },
  })
}

/** The HTTP status of an answer the SDK reports as a failure; undefined when there was no answer. */
export function httpStatusOf(error: unknown): number | undefined {
  return factsOf(error).httpStatus
}

/**
 * Whether the answer means "there is no object under this key", and not "there is no such bucket", nor that something in
 * between has no such page: the store names a code. Only to a HEAD, whose answers have no body, it cannot.
 */
export function isAbsent(error: unknown, method: 'HEAD' | 'other' = 'other'): boolean {
  const { name, hasCode, httpStatus } = factsOf(error)
  return httpStatus === 404 && MEANING_BY_S3_CODE[name] === undefined && (hasCode || method === 'HEAD')
}

/** The SDK hangs the whole exchange on its errors, with the signed request: a log would hold what can be replayed. */
function withoutExchange(error: unknown): unknown {
  if (!(error instanceof Error) || field(error, '$metadata') === undefined) return error
  const bare = new Error(error.message)
  bare.name = error.name
  bare.stack = error.stack ?? ''
  return bare
}

function meaningOf(facts: Facts): FailureMeaning {
  const { name, hasCode, httpStatus, systemCode } = facts
  if (httpStatus === undefined) {
    // The SDK calls a reset connection a TimeoutError, so the system's own word comes first.
    if (systemCode !== undefined && systemCode !== 'ETIMEDOUT') return NO_ANSWER
    return MEANING_BY_ERROR_NAME[name] ?? UNKNOWN_FAILURE
  }
  const isPageOfSomebody = httpStatus === 404 && !hasCode
  const known = MEANING_BY_S3_CODE[name] ?? (isPageOfSomebody ? NOT_THE_STORE : MEANING_BY_STATUS[httpStatus])
  if (known !== undefined) return known
  if (httpStatus >= 500) return NO_ANSWER
  // Nor is a 2xx or 3xx that the SDK cannot read an answer of the store's.
  return hasCode && httpStatus >= 400 ? REFUSED_REQUEST : NOT_THE_STORE
}

function factsOf(error: unknown): Facts {
  const metadata = field(error, '$metadata')
  return {
    name: asString(field(error, 'name')) ?? 'unknown',
    hasCode: asString(field(error, 'Code')) !== undefined,
    httpStatus: asNumber(field(metadata, 'httpStatusCode')),
    requestId: asString(field(metadata, 'requestId')),
    systemCode: asString(field(error, 'code')),
  }
}

function field(value: unknown, name: string): unknown {
  // Reflect.get is the type-safe way to read a property of an object of unknown shape.
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
