import type { ErrorCode } from '@umbra/core'

export interface FailureMeaning {
  readonly code: ErrorCode
  /** Completes the sentence "r2 …": lower case, says what to do. */
  readonly message: string
  /** The store certainly did not apply the request. */
  readonly notApplied: boolean
}

const lostRace = refused('PRECONDITION_FAILED', 'holds another version; read it again and decide')
const contended = refused('CONFLICT', 'could not order two concurrent writes and applied neither; try again')
const slowDown = unsure('RATE_LIMITED', 'is receiving too many requests; slow down')
const badCredentials = refused(
  'UNAUTHENTICATED',
  'does not accept the credentials; check the access key and its secret',
)
const denied = refused('FORBIDDEN', 'does not allow this; check what the access key may do')
const tooLarge = refused('TOO_LARGE', 'refuses the size; send less')
const timedOut = unsure('TIMEOUT', 'did not answer in time; try later')
const unavailable = unsure('UNAVAILABLE', 'did not answer; try later')
const wrongClock = refused('CONFIGURATION', 'sees another time than this machine; check its clock')
const wrongEndpoint = refused('CONFIGURATION', 'expects another endpoint or region; check both settings')

const BY_S3_CODE = {
  PreconditionFailed: lostRace,
  ConditionalRequestConflict: contended,
  ConcurrentModification: contended,
  OperationAborted: contended,
  NoSuchUpload: refused('CONFLICT', 'no longer knows this upload; start it again'),
  SlowDown: slowDown,
  TooManyRequests: slowDown,
  RequestTimeout: timedOut,
  IncompleteBody: unsure('UNAVAILABLE', 'did not receive the whole body; try again'),
  ClientDisconnect: unsure('UNAVAILABLE', 'lost the connection before it had the whole request; try again'),
  // Of this copy of the request; another one may have arrived whole.
  BadDigest: unsure('UNAVAILABLE', 'received other bytes than were sent; try again'),
  InvalidAccessKeyId: badCredentials,
  SignatureDoesNotMatch: badCredentials,
  ExpiredToken: badCredentials,
  Unauthorized: badCredentials,
  AccessDenied: denied,
  NotEntitled: refused('FORBIDDEN', 'is not open to this account; check its R2 subscription'),
  ObjectLockedByBucketPolicy: refused(
    'FORBIDDEN',
    "protects the object by a lock; wait until that ends, or change the bucket's lock rules",
  ),
  NoSuchBucket: refused('CONFIGURATION', 'has no such bucket; check its name and the endpoint'),
  InvalidBucketName: refused('CONFIGURATION', 'can have no bucket of this name; check it'),
  AuthorizationHeaderMalformed: wrongEndpoint,
  PermanentRedirect: wrongEndpoint,
  RequestTimeTooSkewed: wrongClock,
  // Our signatures are made for each request and last for minutes: only a clock that is behind makes them expire.
  ExpiredRequest: wrongClock,
  EntityTooLarge: tooLarge,
  MetadataTooLarge: tooLarge,
  InvalidObjectName: refused('INVALID_INPUT', 'cannot hold anything under this key; choose a shorter one'),
  InvalidRange: refused('INVALID_INPUT', 'has no such range; the object is shorter'),
  NotImplemented: refused('UNSUPPORTED', 'does not implement this; use a store that does'),
} satisfies Record<string, FailureMeaning>

/** Codes that mean something else than their HTTP status, or need another advice. */
export type KnownS3Code = keyof typeof BY_S3_CODE

/** By the store's own error code; these win over the HTTP status. */
export const MEANING_BY_S3_CODE: Readonly<Record<string, FailureMeaning>> = BY_S3_CODE

/** By HTTP status, for answers without a code of their own (HEAD never has one). */
export const MEANING_BY_STATUS: Readonly<Record<number, FailureMeaning>> = {
  301: wrongEndpoint,
  307: wrongEndpoint,
  401: badCredentials,
  403: denied,
  404: refused('NOT_FOUND', 'has no such object'),
  408: timedOut,
  409: contended,
  412: lostRace,
  413: tooLarge,
  416: refused('INVALID_INPUT', 'has no such range; the object is shorter'),
  429: slowDown,
  499: unavailable,
  501: refused('UNSUPPORTED', 'does not implement this; use a store that does'),
}

/** Without an answer, by the name of the failure. */
export const MEANING_BY_ERROR_NAME: Readonly<Record<string, FailureMeaning>> = {
  TimeoutError: timedOut,
  AbortError: unsure('TIMEOUT', 'was not waited for any longer; try later'),
}

export const NO_ANSWER = unavailable

/**
 * An answer that carries no code of the store's: it comes from something in between, such as a proxy, and says nothing of
 * the request. (Or from the store to a HEAD, which changes nothing.)
 */
export const NOT_THE_STORE = unsure(
  'UNAVAILABLE',
  'did not answer itself, something in between did, such as a proxy; try later',
)

/** Any other 4xx with a code: our request was malformed, and repeating it will not help. */
export const REFUSED_REQUEST = refused('INTERNAL', 'refused the request as malformed; report this')

/** Not a failure of the store: something threw before or after the exchange. */
export const UNKNOWN_FAILURE = unsure('INTERNAL', 'could not be asked; report this')

function refused(code: ErrorCode, message: string): FailureMeaning {
  return { code, message, notApplied: true }
}

function unsure(code: ErrorCode, message: string): FailureMeaning {
  return { code, message, notApplied: false }
}
