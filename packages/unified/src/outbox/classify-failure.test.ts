import { ERROR_CODES, UmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { MEANING_BY_S3_CODE } from '../../../r2/src/objects/r2-error-table.ts'
import type { KnownS3Code } from '../../../r2/src/objects/r2-error-table.ts'
import { toR2Error } from '../../../r2/src/objects/r2-error.ts'
import { classifyFailure, isOutage } from './classify-failure.ts'
import type { FailureClass } from './classify-failure.ts'

const OUTAGE = 'outage'
type Expected = readonly [FailureClass, typeof OUTAGE?]

const BY_CODE: Readonly<Record<ErrorCode, Expected>> = {
  INVALID_INPUT: ['poison'],
  UNAUTHENTICATED: ['pause'],
  FORBIDDEN: ['pause'],
  NOT_FOUND: ['retry'],
  ALREADY_EXISTS: ['retry'],
  PRECONDITION_FAILED: ['retry'],
  CONFLICT: ['retry'],
  TOO_LARGE: ['poison'],
  UNSUPPORTED: ['pause'],
  CONFIGURATION: ['pause'],
  UNAVAILABLE: ['retry', OUTAGE],
  TIMEOUT: ['retry', OUTAGE],
  OUTCOME_PENDING: ['retry', OUTAGE],
  OUTBOX_FULL: ['retry'],
  RATE_LIMITED: ['retry'],
  CORRUPT: ['pause'],
  INTERNAL: ['retry'],
}

/** Those of https://developers.cloudflare.com/r2/api/error-codes that their HTTP status explains. */
type PlainR2Code =
  | 'NoSuchKey'
  | 'BucketNotEmpty'
  | 'TooManyBuckets'
  | 'BucketConflict'
  | 'MissingContentLength'
  | 'InvalidDigest'
  | 'EntityTooSmall'
  | 'InvalidPart'
  | 'InternalError'
  | 'ServiceUnavailable'

/** What a write that is answered so means for it. */
const BY_S3_CODE: Readonly<Record<KnownS3Code | PlainR2Code, readonly [httpStatus: number, ...Expected]>> = {
  Unauthorized: [401, 'pause'],
  AccessDenied: [403, 'pause'],
  ExpiredRequest: [400, 'pause'],
  SignatureDoesNotMatch: [403, 'pause'],
  NotEntitled: [403, 'pause'],
  InvalidBucketName: [400, 'pause'],
  NoSuchBucket: [404, 'pause'],
  BucketNotEmpty: [409, 'retry'],
  TooManyBuckets: [400, 'poison'],
  BucketConflict: [409, 'retry'],
  NoSuchKey: [404, 'retry'],
  InvalidObjectName: [400, 'poison'],
  EntityTooLarge: [400, 'poison'],
  MetadataTooLarge: [400, 'poison'],
  ObjectLockedByBucketPolicy: [403, 'pause'],
  MissingContentLength: [411, 'poison'],
  IncompleteBody: [400, 'retry', OUTAGE],
  InvalidDigest: [400, 'poison'],
  BadDigest: [400, 'retry', OUTAGE],
  InvalidRange: [416, 'poison'],
  PreconditionFailed: [412, 'retry'],
  EntityTooSmall: [400, 'poison'],
  NoSuchUpload: [404, 'retry'],
  InvalidPart: [400, 'poison'],
  InternalError: [500, 'retry', OUTAGE],
  ServiceUnavailable: [503, 'retry', OUTAGE],
  ClientDisconnect: [400, 'retry', OUTAGE],
  TooManyRequests: [429, 'retry'],
  // Other stores of this kind.
  ConditionalRequestConflict: [409, 'retry'],
  ConcurrentModification: [409, 'retry'],
  OperationAborted: [409, 'retry'],
  SlowDown: [503, 'retry'],
  RequestTimeout: [400, 'retry', OUTAGE],
  InvalidAccessKeyId: [403, 'pause'],
  ExpiredToken: [400, 'pause'],
  AuthorizationHeaderMalformed: [400, 'pause'],
  PermanentRedirect: [301, 'pause'],
  RequestTimeTooSkewed: [403, 'pause'],
  NotImplemented: [501, 'pause'],
}

function answered(name: string, httpStatusCode: number | undefined): UmbraError {
  const cause = Object.assign(new Error(name), { name, Code: name, $metadata: { httpStatusCode } })
  return toR2Error(cause, { operation: 'put', key: 'k', effect: 'write' })
}

const codes = Object.keys(ERROR_CODES) as ErrorCode[]

describe('a failure to send', () => {
  it.each(codes)('with the code %s', (code) => {
    const error = new UmbraError(code, 'failed')
    expect([classifyFailure(error), isOutage(error)]).toEqual([BY_CODE[code][0], BY_CODE[code][1] === OUTAGE])
  })

  it.each(Object.entries(BY_S3_CODE))('that R2 answers with %s', (name, [httpStatus, failure, outage]) => {
    const error = answered(name, httpStatus)
    expect([classifyFailure(error), isOutage(error)]).toEqual([failure, outage === OUTAGE])
  })

  it('is known for every code of the table', () => {
    expect(Object.keys(BY_S3_CODE)).toEqual(expect.arrayContaining(Object.keys(MEANING_BY_S3_CODE)))
  })

  it.each([
    ['writer-cloned', 'rename'],
    ['writer-forgotten', 'rename'],
    ['head-regressed', 'regressed'],
    ['writer-superseded', 'lost'],
    ['outbox-body', 'poison'],
  ])('that is a conflict because of %s', (reason, failure) => {
    expect(classifyFailure(new UmbraError('CONFLICT', 'failed', { details: { reason } }))).toBe(failure)
  })

  it('that is damage of the operation itself gives up that one alone', () => {
    const error = new UmbraError('CORRUPT', 'damaged', { details: { reason: 'outbox-row' } })
    expect(classifyFailure(error)).toBe('poison')
  })

  it('after which the operation may have been applied never gives it up', () => {
    const unknown = answered('TypeError', undefined)
    expect(unknown).toMatchObject({ code: 'INTERNAL', details: { outcome: 'unknown' } })
    expect(classifyFailure(unknown)).toBe('retry')
    expect(classifyFailure(new TypeError('a defect'))).toBe('retry')
  })

  it('at the reading of something else is not held against the operation', () => {
    const cause = Object.assign(new Error(), { name: 'X', Code: 'X', $metadata: { httpStatusCode: 400 } })
    expect(classifyFailure(toR2Error(cause, { operation: 'get', key: 'head' }))).toBe('retry')
  })
})
