import { createMemoryBackend, ERROR_CODES, manageBackend, UmbraError } from '@umbra/core'
import type { ErrorCode, StorageBackend } from '@umbra/core'
import { afterEach, describe, expect, it } from 'vitest'
import { JSON_HEADERS, MASTER_KEY, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { HTTP_STATUS } from './http-status.ts'
import { problem } from './schemas/problem-schema.ts'

/** Codes that a client is told about under another name, because they are about the server. */
const RENAMED: Partial<Record<ErrorCode, ErrorCode>> = {
  UNAUTHENTICATED: 'UNAVAILABLE',
  FORBIDDEN: 'UNAVAILABLE',
  CONFIGURATION: 'INTERNAL',
}
// The keys of the table are its codes.
const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

describe('problems', () => {
  let api: RunningApi
  afterEach(() => api.stop())

  const failing = (error: unknown, over: Partial<StorageBackend> = {}) =>
    startApi({
      storage: manageBackend({
        ...createMemoryBackend(),
        getEntry: async () => {
          throw error
        },
        ...over,
      }),
    })

  it.each(CODES)('says %s as RFC 9457 has it', async (code) => {
    const details = { field: 'data', issues: [], path: '/etc/secret' }
    api = await failing(new UmbraError(code, `what happened. secret=hunter2`, { details }))
    const response = await api.call('/v1/m/u/records/x', { headers: { 'x-request-id': 'req-1' } })
    const shownCode = RENAMED[code] ?? code
    expect(response.status).toBe(HTTP_STATUS[shownCode])
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect(response.headers.has('retry-after')).toBe([429, 503].includes(response.status))
    const body = problem.parse(await response.json())
    expect(body).toMatchObject({
      type: `urn:umbra:error:${shownCode}`,
      title: ERROR_CODES[shownCode].summary,
      status: response.status,
      code: shownCode,
      instance: 'req-1',
    })
    expect(JSON.stringify(body)).not.toContain('/etc/secret')
    if (shownCode !== code || code === 'INTERNAL') expect(JSON.stringify(body)).not.toContain('hunter2')
    else expect(body).toMatchObject({ detail: 'what happened. secret=hunter2', field: 'data', issues: [] })
  })

  it('hides a defect from the client and logs it with its cause', async () => {
    api = await failing(new TypeError('x is not a function', { cause: new Error('the deeper reason') }))
    const response = await api.call('/v1/m/u/records/x')
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(text).not.toContain('x is not a function')
    expect(JSON.parse(text)).toMatchObject({
      code: 'INTERNAL',
      instance: response.headers.get('x-request-id'),
    })
    expect(api.logged()).toContain('x is not a function')
    expect(api.logged()).toContain('the deeper reason')
    expect(api.logged()).toContain(JSON.parse(text).instance)
  })

  it('answers paths and methods that do not exist', async () => {
    api = await startApi()
    for (const [method, path, status] of [
      ['GET', '/nowhere', 404],
      ['GET', '/v1/m/u/nowhere', 404],
      ['GET', '/V1/m/u/records', 404],
      ['GET', '/v1/m/u/records/', 404],
      ['GET', '/v1//u/records', 404],
      ['PATCH', '/v1/m/u/records', 405],
      ['DELETE', '/v1/m/u/records', 405],
      ['POST', '/healthz', 405],
      ['GET', '/v1/m/u/uploads', 405],
      ['GET', '/v1/%E0%A4%A/u/records', 400],
      ['GET', '/v1/m/u/records/%zz', 400],
      ['GET', `/v1/m/${'x'.repeat(201)}/records`, 400],
      ['GET', '/v1/manifests/u/records', 400],
    ] as const) {
      const response = await api.call(path, { method })
      expect(response.status, `${method} ${path}`).toBe(status)
      expect(problem.parse(await response.json()).status).toBe(status)
    }
    const wrong = await api.call('/v1/m/u/records/x', { method: 'POST' })
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE')
  })

  it('takes a sane request id and makes one otherwise', async () => {
    api = await startApi()
    const idFor = async (id: string) =>
      (await api.call('/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await idFor('abc-123_4.5')).toBe('abc-123_4.5')
    expect(await idFor('a b')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await idFor('x'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('sends the usual protective headers and does not name its framework', async () => {
    api = await startApi()
    const { headers } = await api.call('/healthz')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toMatch("default-src 'self'")
    expect(headers.has('x-powered-by')).toBe(false)
  })

  it('logs every request, but no key, query, body or token', async () => {
    api = await startApi()
    await api.call('/v1/m/u/records', {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"data":"private-data"}',
    })
    await api.call('/v1/m/u/search?q=private-words&signature=private-signature')
    await api.call('/v1/m/u/records', {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"data":"private-data',
    })
    await api.call('/v1/links/private-token')
    await api.call('/v1/m/u/records', {
      headers: { authorization: 'Bearer private-guess', cookie: 'private-cookie' },
    })
    const log = api.logged()
    expect(log.trim().split('\n')).toHaveLength(5)
    expect(log).toContain('/v1/m/u/search')
    expect(log).toContain('/v1/links/[redacted]')
    expect(log).not.toContain(MASTER_KEY)
    expect(log).not.toContain('private-')
  })

  it('answers in time when the storage does not', async () => {
    const forever = new Promise<never>(() => undefined)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const memory = createMemoryBackend()
    const backend: StorageBackend = {
      ...memory,
      getEntry: () => forever,
      commit: async (...call) => {
        await held
        return memory.commit(...call)
      },
    }
    api = await startApi({ storage: manageBackend(backend), limits: { requestTimeoutMs: 100 } })
    const read = await api.call('/v1/m/u/records/x')
    expect([read.status, (await objectOf(read))['code']]).toEqual([504, 'TIMEOUT'])
    const body = '{"data":1,"id":"late"}'
    const write = await api.call('/v1/m/u/records', { method: 'POST', headers: JSON_HEADERS, body })
    expect([write.status, (await objectOf(write))['code']]).toEqual([504, 'OUTCOME_PENDING'])
    release()
    await expect
      .poll(async () => (await memory.getEntry({ module: 'm', userId: 'u' }, 'late'))?.entry.id)
      .toBe('late')
    // The late answer hurt nobody; the read that never ends is not waited for.
    expect((await api.call('/healthz')).status).toBe(200)
    api = { ...api, stop: async () => void (await api.drain(0)) }
  })
})

describe('readiness', () => {
  it('follows the storage, liveness does not', async () => {
    let healthy = true
    const storage = manageBackend({
      ...createMemoryBackend(),
      health: async () => ({ healthy, message: healthy ? 'fine' : 'disk is full', latencyMs: 1 }),
    })
    const api = await startApi({ storage })
    try {
      const probe = (path: string) => fetch(`${api.url}${path}`)
      expect(await (await probe('/readyz')).json()).toEqual({
        status: 'ready',
        message: 'fine',
        latencyMs: 1,
      })
      healthy = false
      const response = await probe('/readyz')
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await response.json()).toMatchObject({
        code: 'UNAVAILABLE',
        detail: expect.stringContaining('disk is full'),
      })
      expect(await (await probe('/healthz')).json()).toEqual({ status: 'alive' })
    } finally {
      await api.stop()
    }
  })
})
