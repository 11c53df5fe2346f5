import { inspect } from 'node:util'
import { UmbraError } from '@umbra/core'
import type { ErrorCode } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { isAbsent, toR2Error } from './r2-error.ts'
import { openStore } from './r2-store.fixture.ts'
import { answerError, startScriptedServer } from './scripted-server.fixture.ts'

type Outcome = 'not-applied' | 'unknown'
type Row = readonly [name: string, httpStatus: number | undefined, code: ErrorCode, outcome: Outcome]

const ANSWERS: readonly Row[] = [
  ['PreconditionFailed', 412, 'PRECONDITION_FAILED', 'not-applied'],
  ['412', 412, 'PRECONDITION_FAILED', 'not-applied'],
  ['ConditionalRequestConflict', 409, 'CONFLICT', 'not-applied'],
  ['ConcurrentModification', 409, 'CONFLICT', 'not-applied'],
  ['NoSuchUpload', 404, 'CONFLICT', 'not-applied'],
  ['SlowDown', 503, 'RATE_LIMITED', 'unknown'],
  ['TooManyRequests', 429, 'RATE_LIMITED', 'unknown'],
  ['Unknown', 429, 'RATE_LIMITED', 'unknown'],
  ['RequestTimeout', 400, 'TIMEOUT', 'unknown'],
  ['Unknown', 408, 'TIMEOUT', 'unknown'],
  ['IncompleteBody', 400, 'UNAVAILABLE', 'unknown'],
  ['ClientDisconnect', 400, 'UNAVAILABLE', 'unknown'],
  ['BadDigest', 400, 'UNAVAILABLE', 'unknown'],
  ['InternalError', 500, 'UNAVAILABLE', 'unknown'],
  ['ServiceUnavailable', 503, 'UNAVAILABLE', 'unknown'],
  ['Unknown', 499, 'UNAVAILABLE', 'unknown'],
  ['SyntaxError', 200, 'UNAVAILABLE', 'unknown'],
  ['Unknown', 401, 'UNAUTHENTICATED', 'not-applied'],
  ['InvalidAccessKeyId', 403, 'UNAUTHENTICATED', 'not-applied'],
  ['SignatureDoesNotMatch', 403, 'UNAUTHENTICATED', 'not-applied'],
  ['AccessDenied', 403, 'FORBIDDEN', 'not-applied'],
  ['403', 403, 'FORBIDDEN', 'not-applied'],
  ['NotEntitled', 403, 'FORBIDDEN', 'not-applied'],
  ['ObjectLockedByBucketPolicy', 403, 'FORBIDDEN', 'not-applied'],
  ['InvalidBucketName', 400, 'CONFIGURATION', 'not-applied'],
  ['NoSuchBucket', 404, 'CONFIGURATION', 'not-applied'],
  ['RequestTimeTooSkewed', 403, 'CONFIGURATION', 'not-applied'],
  ['ExpiredRequest', 400, 'CONFIGURATION', 'not-applied'],
  ['AuthorizationHeaderMalformed', 400, 'CONFIGURATION', 'not-applied'],
  ['NoSuchKey', 404, 'NOT_FOUND', 'not-applied'],
  ['EntityTooLarge', 400, 'TOO_LARGE', 'not-applied'],
  ['Unknown', 413, 'TOO_LARGE', 'not-applied'],
  ['InvalidObjectName', 400, 'INVALID_INPUT', 'not-applied'],
  ['InvalidRange', 416, 'INVALID_INPUT', 'not-applied'],
  ['NotImplemented', 501, 'UNSUPPORTED', 'not-applied'],
  ['InvalidPart', 400, 'INTERNAL', 'not-applied'],
  ['Unknown', 400, 'UNAVAILABLE', 'unknown'],
  ['Unknown', 421, 'UNAVAILABLE', 'unknown'],
  ['TimeoutError', undefined, 'TIMEOUT', 'unknown'],
  ['AbortError', undefined, 'TIMEOUT', 'unknown'],
  ['TypeError', undefined, 'INTERNAL', 'unknown'],
]

function failure(name: string, httpStatusCode: number | undefined): Error {
  return Object.assign(new Error('text of the store'), {
    name,
    ...(name !== 'Unknown' && { Code: name }),
    $metadata: httpStatusCode === undefined ? {} : { httpStatusCode, requestId: 'r-1' },
  })
}

describe('toR2Error', () => {
  it.each(ANSWERS)('understands %s with status %s as %s, %s', (name, httpStatus, code, outcome) => {
    const error = toR2Error(failure(name, httpStatus), { operation: 'put', key: 'a/b', effect: 'write' })
    expect(error.code).toBe(code)
    expect(error.details).toEqual({
      operation: 'put',
      key: 'a/b',
      outcome,
      ...(httpStatus !== undefined && { httpStatus, s3Code: name, requestId: 'r-1' }),
    })
    expect(error.message).toMatch(/^r2 .*\. operation=put key=a\/b$/)
    expect(error.message).not.toContain('text of the store')
  })

  it.each([
    ['ECONNREFUSED', 'Error', 'UNAVAILABLE'],
    ['ENOTFOUND', 'Error', 'UNAVAILABLE'],
    // The names the SDK gives to these three.
    ['ECONNRESET', 'TimeoutError', 'UNAVAILABLE'],
    ['EPIPE', 'TimeoutError', 'UNAVAILABLE'],
    ['ETIMEDOUT', 'TimeoutError', 'TIMEOUT'],
  ])('understands %s, which the SDK calls %s, as %s', (systemCode, name, code) => {
    const cause = Object.assign(new Error('connect'), { name, code: systemCode })
    const error = toR2Error(cause, { operation: 'put', key: 'a/b', effect: 'write' })
    expect(error.code).toBe(code)
    expect(error.details).toMatchObject({ outcome: 'unknown', systemCode })
  })

  it('says nothing of an outcome for a read', () => {
    expect(toR2Error(failure('x', 500), { operation: 'get', key: 'a' }).details).not.toHaveProperty('outcome')
  })

  it('calls a failed step without effect not applied, even without an answer', () => {
    const error = toR2Error(failure('x', 500), { operation: 'uploadPart', key: 'a', effect: 'none' })
    expect(error.details).toMatchObject({ outcome: 'not-applied' })
  })

  it('passes our own errors on', () => {
    const ours = new UmbraError('CORRUPT', 'no')
    expect(toR2Error(ours, { operation: 'get', key: 'a' })).toBe(ours)
  })

  it('tells an absent object from an absent bucket', () => {
    expect(isAbsent(failure('NoSuchKey', 404))).toBe(true)
    expect(isAbsent(failure('NotFound', 404), 'HEAD')).toBe(true)
    expect(isAbsent(failure('NoSuchBucket', 404))).toBe(false)
  })

  it.each([
    [400, 'text/html', '<html><body><h1>Bad request</h1><hr>nginx</body></html>'],
    [404, 'text/html', '<html><body>no such page</body></html>'],
    [407, 'text/plain', 'sign in first'],
    [421, 'text/html', '<html><body>misdirected</body></html>'],
    [425, 'text/plain', ''],
    [431, 'application/json', '{"code":"HEADERS","message":"too large"}'],
    [451, 'application/xml', '<blocked><reason>policy</reason></blocked>'],
  ])('takes a %i in %s for what something in between says, not the store', async (status, type, body) => {
    const server = await startScriptedServer((_, response) => {
      response.writeHead(status, { 'content-type': type })
      response.end(body)
    })
    const { store, close } = openStore(server.settings)
    try {
      const put = store.put('a/b', Buffer.from('x'))
      await expect(put).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        retryable: true,
        details: { httpStatus: status, outcome: 'unknown' },
      })
      await expect(store.get('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    } finally {
      close()
      await server.close()
    }
  })

  it('takes an unknown code of the store for its answer', async () => {
    const server = await startScriptedServer((_, response) => answerError(response, 400, 'InvalidDigest'))
    const { store, close } = openStore(server.settings)
    try {
      const put = store.put('a/b', Buffer.from('x'))
      await expect(put).rejects.toMatchObject({ code: 'INTERNAL', details: { outcome: 'not-applied' } })
    } finally {
      close()
      await server.close()
    }
  })

  it('holds no credentials, however deep one looks', async () => {
    const server = await startScriptedServer((_, response) =>
      answerError(response, 403, 'SignatureDoesNotMatch'),
    )
    const { store, close } = openStore(server.settings)
    try {
      const error = await store.put('a/b', Buffer.from('x')).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'UNAUTHENTICATED', details: { requestId: 'req-1' } })
      const text = inspect(error, { depth: Infinity, showHidden: true, maxStringLength: Infinity })
      expect(text).not.toContain(server.settings.secretAccessKey)
      expect(text).not.toContain(server.settings.accessKeyId)
    } finally {
      close()
      await server.close()
    }
  })
})
