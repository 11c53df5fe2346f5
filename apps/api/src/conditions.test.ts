import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'

describe('conditional writes', () => {
  let api: RunningApi
  beforeAll(async () => {
    api = await startApi()
  })
  afterAll(() => api.stop())

  async function created(data: unknown = 1): Promise<{ path: string; etag: string }> {
    const body = JSON.stringify({ data, metadata: { kept: true } })
    const response = await api.call('/v1/m/u/records', { method: 'POST', headers: JSON_HEADERS, body })
    return { path: response.headers.get('location') ?? '', etag: response.headers.get('etag') ?? '' }
  }
  const put = (path: string, body: unknown, headers: Record<string, string>) =>
    api.call(path, { method: 'PUT', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) })
  const remove = (path: string, ifMatch: string) =>
    api.call(path, { method: 'DELETE', headers: { 'if-match': ifMatch } })

  it('replaces exactly the version that was read', async () => {
    const { path, etag } = await created()
    const response = await put(path, { data: 2 }, { 'if-match': etag })
    expect(response.status).toBe(200)
    const info = await objectOf(response)
    expect(info).toMatchObject({ revision: 2, metadata: { kept: true } })
    expect(response.headers.get('etag')).toBe(`"${String(info['etag'])}"`)
    expect(await (await api.call(path)).json()).toMatchObject({ data: 2, etag: info['etag'] })
  })

  it('asks for a version when there is none', async () => {
    const { path } = await created()
    const response = await put(path, { data: 2 }, {})
    expect(response.status).toBe(428)
    expect(await response.json()).toMatchObject({ code: 'INVALID_INPUT', field: 'if-match' })
  })

  it('refuses any other version and names the current one', async () => {
    const { path, etag } = await created()
    const current = (await put(path, { data: 2 }, { 'if-match': etag })).headers.get('etag')
    for (const stale of [etag, '"foreign"', `W/${current}`, `"a", ${etag}`]) {
      const response = await put(path, { data: 3 }, { 'if-match': stale })
      expect(response.status, stale).toBe(412)
      expect(response.headers.get('etag')).toBe(current)
      expect(await response.json()).toMatchObject({
        code: 'PRECONDITION_FAILED',
        currentEtag: current?.slice(1, -1),
      })
      const deleted = await remove(path, stale)
      expect(deleted.status, stale).toBe(412)
      expect(deleted.headers.get('etag')).toBe(current)
    }
    expect(await (await api.call(path)).json()).toMatchObject({ data: 2 })
  })

  it('takes a list of versions, and * for any', async () => {
    const { path, etag } = await created()
    const old = '"1-00000000000000000000000000000000"'
    expect((await put(path, { data: 2 }, { 'if-match': `${old}, ${etag}` })).status).toBe(200)
    expect((await put(path, { data: 3 }, { 'if-match': '*' })).status).toBe(200)
    expect((await put(path, { data: 4 }, { 'if-match': 'nonsense' })).status).toBe(400)
    expect((await remove(path, '*')).status).toBe(204)
    expect((await put(path, { data: 5 }, { 'if-match': '*' })).status).toBe(404)
    expect((await put(path, { data: 5 }, { 'if-match': etag })).status).toBe(404)
  })

  it('deletes exactly the version it names', async () => {
    const { path, etag } = await created()
    expect((await remove(path, etag)).status).toBe(204)
  })

  it('lets exactly one of 16 writers replace a version', async () => {
    const { path, etag } = await created()
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, n) => put(path, { data: `writer ${n}` }, { 'if-match': etag })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 412)).toHaveLength(15)
    expect(await (await api.call(path)).json()).toMatchObject({ data: `writer ${statuses.indexOf(200)}` })
  })

  it('replaces a file by a file and rows by rows', async () => {
    const cases = [
      ['text/plain', 'one', 'two'],
      ['application/x-ndjson', '{"n":1}\n', '{"n":2}\n{"n":3}\n'],
    ] as const
    for (const [type, first, second] of cases) {
      const headers = { 'content-type': type }
      const stored = await api.call('/v1/m/u/records', { method: 'POST', headers, body: first })
      const path = stored.headers.get('location') ?? ''
      const ifMatch = stored.headers.get('etag') ?? ''
      const replaced = await api.call(path, {
        method: 'PUT',
        headers: { ...headers, 'if-match': ifMatch },
        body: second,
      })
      expect(replaced.status).toBe(200)
      expect(await (await api.call(`${path}?raw=1`)).text()).toBe(second)
    }
  })

  it('refuses data of another kind than the record', async () => {
    const { path, etag } = await created()
    for (const type of ['text/plain', 'application/x-ndjson']) {
      const headers = { 'content-type': type, 'if-match': etag }
      const response = await api.call(path, { method: 'PUT', headers, body: '{"n":1}' })
      expect(response.status).toBe(400)
      expect((await objectOf(response))['field']).toMatch(/^data/)
    }
    expect((await put(path, {}, { 'if-match': etag })).status).toBe(400)
  })
})
