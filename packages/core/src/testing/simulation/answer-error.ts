import { UmbraError } from '../../errors/umbra-error.ts'
import type { ErrorCode } from '../../errors/error-codes.ts'
import type { RefusalStatus, StoreRequest } from './store-request.ts'
import { isWrite } from './store-request.ts'

interface Meaning {
  readonly code: ErrorCode
  /** The store certainly did not apply the request. */
  readonly notApplied: boolean
}

/** As the adapter of R2 understands each answer. */
const MEANING_BY_STATUS: Readonly<Record<RefusalStatus, Meaning>> = {
  403: { code: 'FORBIDDEN', notApplied: true },
  404: { code: 'NOT_FOUND', notApplied: true },
  409: { code: 'CONFLICT', notApplied: true },
  412: { code: 'PRECONDITION_FAILED', notApplied: true },
  416: { code: 'INVALID_INPUT', notApplied: true },
  429: { code: 'RATE_LIMITED', notApplied: false },
  500: { code: 'UNAVAILABLE', notApplied: false },
  503: { code: 'UNAVAILABLE', notApplied: false },
}

const OPERATIONS = {
  PUT: 'put',
  GET: 'get',
  HEAD: 'head',
  LIST: 'list',
  DELETE: 'delete',
  'DELETE-MANY': 'deleteMany',
} as const satisfies Record<StoreRequest['verb'], string>

/** The failure an `ObjectStore` reports when the store refused, or when no answer came. */
export function answerError(request: StoreRequest, status: RefusalStatus | undefined): UmbraError {
  const { code, notApplied } = meaningOf(request, status)
  const { verb, key } = request
  const operation = OPERATIONS[verb]
  const said = status === undefined ? 'did not answer in time' : `answered ${status}`
  return new UmbraError(code, `the simulated store ${said}. operation=${operation} key=${key}`, {
    details: {
      operation,
      key,
      ...(isWrite(verb) && { outcome: notApplied ? 'not-applied' : 'unknown' }),
      ...(status !== undefined && { httpStatus: status }),
    },
  })
}

/** A body that ended before it should. */
export function truncatedBody(key: string): UmbraError {
  return new UmbraError('UNAVAILABLE', `the simulated store sent less than it announced. key=${key}`, {
    details: { operation: 'get', key },
  })
}

function meaningOf(request: StoreRequest, status: RefusalStatus | undefined): Meaning {
  if (status === undefined) return { code: 'TIMEOUT', notApplied: false }
  // Some stores answer 404 to If-Match when there is nothing to match.
  const isLostRace = status === 404 && request.verb === 'PUT' && request.ifMatch !== undefined
  return MEANING_BY_STATUS[isLostRace ? 412 : status]
}
