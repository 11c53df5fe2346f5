import { createMemoryBackend, manageBackend, UmbraError } from '@umbra/core'
import type { StagedUpload, StorageBackend, UploadStaging } from '@umbra/core'
import { afterEach, describe, expect, it } from 'vitest'
import { JSON_HEADERS, objectOf, startApi } from './api.fixture.ts'
import type { RunningApi } from './api.fixture.ts'
import { createLinkOpener } from './open-signed-link.ts'

describe('links', () => {
  let api: RunningApi
  afterEach(() => api.stop())

  const post = (path: string, body: unknown) =>
    api.call(path, { method: 'POST', headers: JSON_HEADERS, body: JSON.stringify(body) })

  it('are refused by a storage that has none', async () => {
    api = await startApi()
    await post('/v1/m/u/records', { data: 1, id: 'r' })
    for (const [path, body] of [
      ['/v1/m/u/records/r/presign', {}],
      ['/v1/m/u/uploads', { contentType: 'text/plain' }],
      ['/v1/m/u/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV/finalize', {}],
    ] as const) {
      const response = await post(path, body)
      expect(response.status, path).toBe(501)
      expect(await objectOf(response)).toMatchObject({ code: 'UNSUPPORTED' })
    }
    expect((await api.call('/v1/links/token')).status).toBe(404)
  })

  it('lead to one revision of a record, without credentials, for as long as it is current', async () => {
    const storage = manageBackend(backendWithLinks())
    api = await startApi({
      storage,
      links: createLinkOpener(storage, grantOf),
      clock: { now: () => Date.parse('2026-01-01T00:00:00Z'), sleep: async () => undefined },
    })
    const file = { headers: { 'content-type': 'text/html' }, method: 'POST', body: '<b>hi</b>' }
    expect((await api.call('/v1/m/u/records?id=r', file)).status).toBe(201)
    const made = await post('/v1/m/u/records/r/presign', { expiresIn: 60, downloadAs: 'nice.html' })
    expect(made.status).toBe(200)
    const { url, expiresAt } = await objectOf(made)
    expect(expiresAt).toBe('2026-01-01T00:01:00.000Z')
    const path = new URL(String(url)).pathname
    const download = await fetch(api.url + path)
    expect(download.status).toBe(200)
    expect(download.headers.get('content-type')).toBe('text/html')
    expect(download.headers.get('content-disposition')).toBe('attachment; filename="nice.html"')
    expect(download.headers.get('cache-control')).toBe('private, no-store')
    expect(await download.text()).toBe('<b>hi</b>')
    expect((await fetch(api.url + path, { method: 'HEAD' })).headers.get('content-length')).toBe('9')
    const forged = await fetch(`${api.url}/v1/links/forged`)
    expect([forged.status, (await objectOf(forged))['code']]).toEqual([403, 'FORBIDDEN'])
    const ifMatch = { 'content-type': 'text/html', 'if-match': '*' }
    await api.call('/v1/m/u/records/r', { method: 'PUT', headers: ifMatch, body: 'new' })
    expect((await fetch(api.url + path)).status).toBe(404)
    await api.call('/v1/m/u/records/r', { method: 'DELETE' })
    expect((await fetch(api.url + path)).status).toBe(404)
  })

  it('are made only for records that exist and times that are allowed', async () => {
    api = await startApi({ storage: manageBackend(backendWithLinks()) })
    await post('/v1/m/u/records', { data: 1, id: 'r' })
    expect((await post('/v1/m/u/records/none/presign', {})).status).toBe(404)
    for (const expiresIn of [0, 604_801, 1.5, '60']) {
      expect((await post('/v1/m/u/records/r/presign', { expiresIn })).status).toBe(400)
    }
    expect((await api.call('/v1/m/u/records/r/presign', { method: 'POST' })).status).toBe(415)
  })

  it('take a file, which becomes a record exactly once', async () => {
    const staged = new Map<string, StagedUpload>()
    api = await startApi({ storage: manageBackend({ ...backendWithLinks(), uploads: stagingIn(staged) }) })
    const made = await post('/v1/m/u/uploads', { contentType: 'text/plain', expiresIn: 60 })
    expect(made.status).toBe(201)
    const { uploadId, url } = await objectOf(made)
    expect(url).toBe(`http://files.example/${String(uploadId)}`)
    const finalize = () =>
      post(`/v1/m/u/uploads/${String(uploadId)}/finalize`, { filename: 'a.txt', metadata: { from: 'form' } })
    expect((await finalize()).status).toBe(404)
    staged.set(String(uploadId), { size: 2, contentType: 'text/plain', stream: () => chunksOf('hi') })
    const finished = await finalize()
    expect(finished.status).toBe(201)
    const info = await objectOf(finished)
    expect(info).toMatchObject({
      id: uploadId,
      filename: 'a.txt',
      contentType: 'text/plain',
      metadata: { from: 'form' },
    })
    expect(finished.headers.get('location')).toBe(`/v1/m/u/records/${String(uploadId)}`)
    expect(await objectOf(await finalize())).toEqual(info)
    expect(await (await api.call(`/v1/m/u/records/${String(uploadId)}`)).text()).toBe('hi')
    expect((await post('/v1/m/u/uploads/nonsense/finalize', {})).status).toBe(400)
    expect((await post('/v1/m/u/uploads', {})).status).toBe(400)
  })
})

/** The memory backend with links whose token is the grant itself. */
function backendWithLinks(): StorageBackend {
  return {
    ...createMemoryBackend(),
    presignDownload: async ({ entry }, { downloadAs }) => {
      const token = Buffer.from(JSON.stringify({ key: entry.key, downloadAs })).toString('base64url')
      return `http://files.example/v1/links/${token}`
    },
  }
}

function grantOf(token: string): { key: string; downloadAs?: string } {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    throw new UmbraError('FORBIDDEN', 'the link is not genuine')
  }
}

function stagingIn(staged: Map<string, StagedUpload>): UploadStaging {
  return {
    presign: async (_namespace, uploadId) => `http://files.example/${uploadId}`,
    open: async (_namespace, uploadId) => staged.get(uploadId),
    delete: async (_namespace, uploadId) => {
      staged.delete(uploadId)
    },
  }
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
