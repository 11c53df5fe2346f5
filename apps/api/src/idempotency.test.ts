import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANN_KEY, JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { recordPage } from './schemas/record-schemas.ts'

describe('idempotency keys', () => {
  let api: RunningApi
  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(() => api.stop())

  const post = (
    key: string,
    body: string,
    headers: Record<string, string> = JSON_HEADERS,
    path = '/v1/finance/ann',
  ) => api.call(`${path}/records`, { method: 'POST', headers: { 'idempotency-key': key, ...headers }, body })
  const count = async (path: string) =>
    recordPage.parse(await (await api.call(`${path}/records`)).json()).items.length

  it('stores one record for 16 parallel repeats and answers all alike', async () => {
    const path = '/v1/m/parallel'
    const body = JSON.stringify({ data: { amount: 5, zero: -0 }, metadata: { a: 1 } })
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => post('same', body, JSON_HEADERS, path)),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 201))
    const bodies = await Promise.all(answers.map((answer) => answer.text()))
    expect(new Set(bodies).size).toBe(1)
    expect(await count(path)).toBe(1)
  })

  it.each([
    ['JSON', JSON_HEADERS, '{"data":1}', '{"data":2}'],
    ['other metadata', JSON_HEADERS, '{"data":1}', '{"data":1,"metadata":{"a":1}}'],
    ['rows', { 'content-type': 'application/x-ndjson' }, '{"n":1}\n', '{"n":1}\n{"n":2}\n'],
    ['a file', { 'content-type': 'text/plain' }, 'one', 'two'],
  ])('tells a repeat from another request with %s', async (name, headers, first, second) => {
    const path = `/v1/m/${encodeURIComponent(name)}`
    const stored = await post('key', first, headers, path)
    const repeated = await post('key', first, headers, path)
    expect([stored.status, repeated.status]).toEqual([201, 201])
    expect(repeated.headers.get('location')).toBe(stored.headers.get('location'))
    expect(await repeated.json()).toEqual(await stored.json())
    const other = await post('key', second, headers, path)
    expect(other.status).toBe(409)
    expect(await other.json()).toMatchObject({ code: 'ALREADY_EXISTS', field: 'idempotency-key' })
    expect(await count(path)).toBe(1)
  })

  it('ignores how rows are spaced, and tells file types apart', async () => {
    const path = '/v1/m/spacing'
    const lines = { 'content-type': 'application/x-ndjson' }
    expect((await post('rows', '{"n": 1}\n', lines, path)).status).toBe(201)
    expect((await post('rows', '{"n":1}', lines, path)).status).toBe(201)
    expect((await post('file', 'x', { 'content-type': 'text/plain' }, path)).status).toBe(201)
    expect((await post('file', 'x', { 'content-type': 'text/html' }, path)).status).toBe(409)
  })

  it('keeps the keys of callers and namespaces apart', async () => {
    const own = { ...JSON_HEADERS, authorization: `Bearer ${ANN_KEY}` }
    const ids = await Promise.all(
      [
        post('k', '{"data":1}'),
        post('k', '{"data":1}', own),
        post('k', '{"data":1}', JSON_HEADERS, '/v1/a/b'),
      ].map(async (answer) => (await objectOf(await answer))['id']),
    )
    expect(new Set(ids).size).toBe(3)
  })

  it('refuses a key together with an id, and an empty key', async () => {
    expect((await post('k2', '{"data":1,"id":"mine"}')).status).toBe(400)
    expect((await post('', '{"data":1}')).status).toBe(400)
  })
})
