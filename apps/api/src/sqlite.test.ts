import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSettings, verifyLink } from '@umbra/core'
import { createStorageManager } from '@umbra/unified'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { createLinkOpener } from './open-signed-link.ts'
import { record, recordInfo } from './schemas/record-schemas.ts'

describe('over SQLite', () => {
  let folder = ''
  let api: RunningApi

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umbra-api-'))
    const secret = 'a signing secret for these tests only'
    const storage = await createStorageManager(
      parseSettings({
        STORAGE_BACKEND: 'sqlite',
        SQLITE_PATH: join(folder, 'umbra.sqlite'),
        UMBRA_SIGNING_SECRET: secret,
        UMBRA_PUBLIC_URL: 'https://files.example',
      }),
    )
    const links = createLinkOpener(storage, (token) => verifyLink(secret, token, Date.now()))
    api = await startApi({ storage, links })
  })
  afterAll(async () => {
    await api.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    api.call(path, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) })

  it('stores Parquet once for a repeated key, and reads it as rows or as the file', async () => {
    const records = [
      { n: 1, text: 'a', nested: { deep: [1.5, 2] } },
      { n: 2, text: null, nested: { deep: [] } },
    ]
    const send = () =>
      post('/v1/m/u/records', { data: { records }, dataFormat: 'parquet' }, { 'idempotency-key': 'k' })
    const stored = await send()
    expect(stored.status).toBe(201)
    const info = recordInfo.parse(await stored.json())
    expect(info).toMatchObject({ dataFormat: 'parquet', recordCount: 2, storageBackend: 'sqlite' })
    const repeated = await send()
    expect([repeated.status, await objectOf(repeated)]).toEqual([201, info])
    const path = `/v1/m/u/records/${info.id}`
    expect(record.parse(await (await api.call(path)).json())).toEqual({ ...info, data: { records } })
    const file = await api.call(`${path}?raw=1`, { headers: { range: 'bytes=0-3' } })
    expect([file.status, await file.text()]).toEqual([206, 'PAR1'])
    const listed = await objectOf(await api.call('/v1/m/u/records'))
    expect(listed).toEqual({ items: [{ ...info, data: { records } }], cursor: null })
  })

  it('lets exactly one of 16 writers replace a version, and stores once for 16 equal keys', async () => {
    const create = () => post('/v1/m/race/records', { data: 0 }, { 'idempotency-key': 'same' })
    const created = await Promise.all(Array.from({ length: 16 }, create))
    expect(new Set(created.map(({ status }) => status))).toEqual(new Set([201]))
    const [first] = created
    const path = first?.headers.get('location') ?? ''
    expect(new Set(created.map(({ headers }) => headers.get('location')))).toEqual(new Set([path]))
    const headers = { ...JSON_HEADERS, 'if-match': first?.headers.get('etag') ?? '' }
    const replaced = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        api.call(path, { method: 'PUT', headers, body: JSON.stringify({ data: n }) }),
      ),
    )
    const statuses = replaced.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 412)).toHaveLength(15)
    expect(await objectOf(await api.call(path))).toMatchObject({ data: statuses.indexOf(200), revision: 2 })
  })

  it('serves the links it hands out, to anybody, until the record changes or somebody tampers', async () => {
    const { id } = recordInfo.parse(await (await post('/v1/m/u/records', { data: { secret: 'é' } })).json())
    const presigned = await objectOf(await post(`/v1/m/u/records/${id}/presign`, { expiresIn: 60 }))
    const link = new URL(String(presigned['url']))
    expect(link.origin).toBe('https://files.example')
    const open = (path: string) => fetch(`${api.url}${path}`)
    const answer = await open(link.pathname)
    expect([answer.status, await answer.json()]).toEqual([200, { secret: 'é' }])
    expect((await open(`${link.pathname}x`)).status).toBe(403)
    await api.call(`/v1/m/u/records/${id}`, { method: 'DELETE' })
    expect((await open(link.pathname)).status).toBe(404)
  })

  it('keeps blobs and finds records', async () => {
    await api.call('/v1/m/u/blobs/k', { method: 'PUT', headers: JSON_HEADERS, body: '{"a":[1,null]}' })
    expect(await (await api.call('/v1/m/u/blobs/k')).json()).toEqual({ a: [1, null] })
    await post('/v1/m/finder/records', { data: 'Crème brûlée', id: 'r' })
    expect(await objectOf(await api.call('/v1/m/finder/search?q=creme'))).toMatchObject({
      items: [{ id: 'r' }],
    })
    expect((await api.call('/readyz')).status).toBe(200)
  })
})
