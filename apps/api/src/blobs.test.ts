import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'

describe('blobs over HTTP', () => {
  let api: RunningApi
  let keys = 0
  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(() => api.stop())

  const newPath = () => `/v1/m/u/blobs/${encodeURIComponent(`key ${++keys}/ü`)}`
  const put = (path: string, value: unknown, headers: Record<string, string> = {}) =>
    api.call(path, { method: 'PUT', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(value) })
  const remove = (path: string, headers: Record<string, string> = {}) =>
    api.call(path, { method: 'DELETE', headers })

  it('stores, reads, replaces and deletes a value', async () => {
    const path = newPath()
    expect((await api.call(path)).status).toBe(404)
    for (const value of [{ theme: 'dark' }, null, 0, '', [1]]) {
      const stored = await put(path, value)
      expect(stored.status).toBe(200)
      const { etag } = await objectOf(stored)
      expect(stored.headers.get('etag')).toBe(`"${String(etag)}"`)
      const read = await api.call(path)
      expect(read.headers.get('etag')).toBe(`"${String(etag)}"`)
      expect(await read.json()).toEqual(value)
    }
    expect((await remove(path)).status).toBe(204)
    expect((await remove(path)).status).toBe(404)
    expect((await api.call(path)).status).toBe(404)
  })

  it('answers 304 for a known version', async () => {
    const path = newPath()
    const etag = (await put(path, 1)).headers.get('etag') ?? ''
    expect((await api.call(path, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await api.call(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  it('creates only, or replaces only the version it names', async () => {
    const path = newPath()
    expect((await put(path, 0, { 'if-match': '*' })).status).toBe(412)
    const created = await put(path, 1, { 'if-none-match': '*' })
    expect(created.status).toBe(201)
    const etag = created.headers.get('etag') ?? ''
    const taken = await put(path, 2, { 'if-none-match': '*' })
    expect(taken.status).toBe(412)
    expect(taken.headers.get('etag')).toBe(etag)
    const second = (await put(path, 2, { 'if-match': etag })).headers.get('etag') ?? ''
    const stale = await put(path, 3, { 'if-match': etag })
    expect(stale.status).toBe(412)
    expect(stale.headers.get('etag')).toBe(second)
    expect((await put(path, 3, { 'if-match': `W/${second}` })).status).toBe(412)
    expect((await put(path, 3, { 'if-match': `${etag}, ${second}` })).status).toBe(200)
    expect((await put(path, 4, { 'if-match': '*' })).status).toBe(200)
    expect((await put(path, 5, { 'if-none-match': '"x"' })).status).toBe(400)
    expect((await remove(path, { 'if-match': etag })).status).toBe(412)
    expect((await remove(path, { 'if-match': '*' })).status).toBe(204)
  })

  it('lets exactly one of 16 writers replace a version', async () => {
    const path = newPath()
    const etag = (await put(path, -1)).headers.get('etag') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, n) => put(path, n, { 'if-match': etag })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 412)).toHaveLength(15)
    expect(await (await api.call(path)).json()).toBe(statuses.indexOf(200))
  })

  it('takes JSON only, and no empty body', async () => {
    const path = newPath()
    for (const [status, headers, body] of [
      [415, { 'content-type': 'text/plain' }, '1'],
      [400, JSON_HEADERS, ''],
      [400, JSON_HEADERS, '{'],
    ] as const) {
      expect((await api.call(path, { method: 'PUT', headers, body })).status).toBe(status)
    }
    expect((await api.call(path)).status).toBe(404)
  })
})
