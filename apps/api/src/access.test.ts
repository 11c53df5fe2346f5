import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANN_KEY, JSON_HEADERS, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { authenticateLoopback } from './auth/loopback.ts'

describe('access by key', () => {
  let api: RunningApi
  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(() => api.stop())
  const as = (key: string, path: string, init: RequestInit = {}) =>
    api.call(path, { method: 'GET', ...init, headers: { ...JSON_HEADERS, authorization: key } })

  it.each([
    ['none', ''],
    ['another scheme', 'Basic bWFzdGVyLWtleQ=='],
    ['an unknown key', 'Bearer nobody'],
    ['an empty key', 'Bearer '],
    ['the hash of a key', 'Bearer 8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92'],
  ])('refuses %s', async (_name, header) => {
    for (const path of ['/v1/finance/ann/records', '/v1/finance/ann/nowhere', '/v1']) {
      const response = await as(header, path)
      expect(response.status, path).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
      expect(await response.json()).toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })

  it('lets a bound key into its namespace alone, on every route', async () => {
    const key = `Bearer ${ANN_KEY}`
    const own = await as(key, '/v1/finance/ann/records', { method: 'POST', body: '{"data":1,"id":"own"}' })
    expect(own.status).toBe(201)
    expect((await as(`bearer ${ANN_KEY}`, '/v1/finance/ann/records/own')).status).toBe(200)
    const foreign = [
      '/v1/finance/bob',
      '/v1/hr/ann',
      '/v1/Finance/ann',
      '/v1/finance/ann%2Fbob',
      '/v1/finance%2Fann/x',
    ]
    const routes = [
      ['GET', '/records'],
      ['POST', '/records'],
      ['GET', '/records/own'],
      ['PUT', '/records/own'],
      ['DELETE', '/records/own'],
      ['POST', '/records/own/presign'],
      ['GET', '/search?q=a'],
      ['POST', '/uploads'],
      ['POST', '/uploads/x/finalize'],
      ['GET', '/blobs/x'],
      ['PUT', '/blobs/x'],
      ['DELETE', '/blobs/x'],
    ] as const
    for (const base of foreign) {
      for (const [method, path] of routes) {
        const response = await as(key, base + path, {
          method,
          ...(method !== 'GET' && { body: '{"data":1}' }),
        })
        expect(response.status, `${method} ${base}${path}`).toBe(403)
        expect(await response.json()).toMatchObject({ code: 'FORBIDDEN' })
      }
    }
  })

  it('has no way from one namespace into another through ids and keys', async () => {
    await api.call('/v1/finance/bob/records', {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"data":1,"id":"b"}',
    })
    await api.call('/v1/finance/bob/blobs/settings', { method: 'PUT', headers: JSON_HEADERS, body: '1' })
    const key = `Bearer ${ANN_KEY}`
    for (const id of ['b', '..%2Fbob%2Fb', '%2E%2E%2F%2E%2E%2Ffinance%2Fbob%2Fb', 'finance%2Fbob%2Fb']) {
      expect((await as(key, `/v1/finance/ann/records/${id}`)).status, id).toBe(404)
    }
    for (const blob of [
      'settings',
      '..%2Fbob%2Fsettings',
      '%252E%252E%252Fbob%252Fsettings',
      'bob%2Fsettings',
    ]) {
      expect((await as(key, `/v1/finance/ann/blobs/${blob}`)).status, blob).toBe(404)
    }
    const raw = await rawGet(api.url, '/v1/finance/ann/../bob/records/b', `Bearer ${ANN_KEY}`)
    expect(raw).toBe(404)
  })

  it('treats two spellings of one name as one name', async () => {
    const composed = encodeURIComponent('caf\u00e9')
    const decomposed = encodeURIComponent('cafe\u0301')
    await api.call(`/v1/m/${composed}/blobs/k`, { method: 'PUT', headers: JSON_HEADERS, body: '1' })
    await api.call(`/v1/m/${composed}/records`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"data":1,"id":"r"}',
    })
    expect((await api.call(`/v1/m/${decomposed}/blobs/k`)).status).toBe(200)
    expect((await api.call(`/v1/m/${decomposed}/records/r`)).status).toBe(200)
  })

  it('says who you are before it reads what you sent', async () => {
    const huge = await as('Bearer nobody', '/v1/finance/ann/records', { method: 'POST', body: '{"data":' })
    expect(huge.status).toBe(401)
    const foreign = await as(`Bearer ${ANN_KEY}`, '/v1/hr/ann/records', { method: 'POST', body: '{"data":' })
    expect(foreign.status).toBe(403)
  })
})

describe('access without keys', () => {
  it('serves requests from this machine to a loopback name, and no page of another site', async () => {
    const api = await startApi({ authenticate: authenticateLoopback })
    try {
      const path = '/v1/m/u/records'
      const { port } = new URL(api.url)
      expect(await rawGet(api.url, path, '', { host: `localhost:${port}` })).toBe(200)
      expect(await rawGet(api.url, path, '', { origin: `http://127.0.0.1:${port}` })).toBe(200)
      expect(await rawGet(api.url, path, '', { host: 'rebound.example' })).toBe(403)
      expect(await rawGet(api.url, path, '', { host: '127.0.0.1.example' })).toBe(403)
      expect(await rawGet(api.url, path, '', { origin: 'https://evil.example' })).toBe(403)
      expect(await rawGet(api.url, path, '', { origin: 'null' })).toBe(403)
    } finally {
      await api.stop()
    }
  })
})

describe('rate limit', () => {
  it('counts each caller on its own and says when to go on', async () => {
    const api = await startApi({ limits: { requestsPerMinute: 3 } })
    try {
      const asAnn = () =>
        api.call('/v1/finance/ann/records', { headers: { authorization: `Bearer ${ANN_KEY}` } })
      for (let n = 0; n < 3; n++) {
        const response = await asAnn()
        expect(response.status).toBe(200)
        expect(response.headers.get('ratelimit')).toContain(`r=${2 - n}`)
      }
      const limited = await asAnn()
      expect(limited.status).toBe(429)
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(limited.headers.get('content-type')).toMatch('application/problem+json')
      expect(await limited.json()).toMatchObject({ code: 'RATE_LIMITED', status: 429 })
      expect((await api.call('/v1/finance/ann/records')).status).toBe(200)
    } finally {
      await api.stop()
    }
  })
})

/** A GET whose path and headers are sent just as they are. @returns the status */
function rawGet(url: string, path: string, authorization: string, headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(url)
  return new Promise<number | undefined>((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, headers: { authorization, ...headers } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end()
  })
}
