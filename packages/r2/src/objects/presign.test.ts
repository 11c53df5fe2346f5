import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { presignDownload, presignUpload } from './presign.ts'
import type { PresignTarget } from './presign.ts'
import { collect, openStore } from './r2-store.fixture.ts'

const DOWNLOAD_KEY = 'm/u/2026/11/24/a%20b.json'
/** Everything a URL could read in another way than the store does. */
const AWKWARD_NAME = '%E4%B8%96 世%20+@=&?#%2F.png'
const UPLOAD_HEADERS = { 'content-type': 'image/png', 'if-none-match': '*' }

let local: LocalR2
let opened: ReturnType<typeof openStore>

beforeAll(async () => {
  local = await startLocalR2()
  opened = openStore(local.settings)
  await opened.store.put(DOWNLOAD_KEY, Buffer.from('{"a":1}'))
})

afterAll(async () => {
  opened.close()
  await local.close()
})

function target(key: string): PresignTarget {
  return { client: opened.context.client, bucket: local.bucket, key }
}

interface Answer {
  readonly status: number | undefined
  readonly text: string
}

/** As `fetch`, on a connection of its own: after a refused upload the local server resets the one it came on. */
function ask(
  url: string,
  method = 'GET',
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
      )
    })
    call.on('error', reject)
    call.end(body)
  })
}

function altered(url: string, change: (query: URLSearchParams) => void): string {
  const copy = new URL(url)
  change(copy.searchParams)
  return copy.href
}

describe('a download link', () => {
  it('downloads its object with a plain fetch', async () => {
    const response = await fetch(await presignDownload(target(DOWNLOAD_KEY), { expiresInSeconds: 60 }))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"a":1}')
  })

  it('finds a key that needs escaping', async () => {
    await opened.store.put(`m/u/${AWKWARD_NAME}`, Buffer.from('awkward'))
    await opened.store.put(`m/u/${decodeURIComponent(AWKWARD_NAME)}`, Buffer.from('another'))
    const url = await presignDownload(target(`m/u/${AWKWARD_NAME}`), { expiresInSeconds: 60 })
    expect(await (await fetch(url)).text()).toBe('awkward')
  })

  it('carries nothing but the signature and what was asked for', async () => {
    const plain = new URL(await presignDownload(target(DOWNLOAD_KEY), { expiresInSeconds: 60 }))
    const signature = [
      'X-Amz-Algorithm',
      'X-Amz-Content-Sha256',
      'X-Amz-Credential',
      'X-Amz-Date',
      'X-Amz-Expires',
      'X-Amz-Signature',
      'X-Amz-SignedHeaders',
    ]
    expect([...plain.searchParams.keys()].sort()).toEqual(signature)
    expect(plain.searchParams.get('X-Amz-SignedHeaders')).toBe('host')
    expect(plain.searchParams.get('X-Amz-Expires')).toBe('60')
    expect(plain.href).not.toContain(local.secretAccessKey)

    const options = { expiresInSeconds: 60, downloadAs: 'größe.json', contentType: 'application/json' }
    const described = new URL(await presignDownload(target(DOWNLOAD_KEY), options))
    expect([...described.searchParams.keys()].sort()).toEqual([
      ...signature,
      'response-content-disposition',
      'response-content-type',
    ])
    expect(described.searchParams.get('response-content-type')).toBe('application/json')
    expect(described.searchParams.get('response-content-disposition')).toBe(
      `attachment; filename="gr__e.json"; filename*=UTF-8''gr%C3%B6%C3%9Fe.json`,
    )
    expect((await ask(described.href)).status).toBe(200)
  })

  it.each([
    ['a longer life', (query: URLSearchParams) => query.set('X-Amz-Expires', '604800')],
    ['another signature', (query: URLSearchParams) => query.set('X-Amz-Signature', '0'.repeat(64))],
    ['another file name', (query: URLSearchParams) => query.set('response-content-disposition', 'inline')],
  ])('is refused when somebody gives it %s', async (_, change) => {
    const url = await presignDownload(target(DOWNLOAD_KEY), { expiresInSeconds: 60, downloadAs: 'a.json' })
    expect((await ask(altered(url, change))).status).toBe(403)
  })

  it('is refused for another key or method', async () => {
    await opened.store.put('m/other/secret.json', Buffer.from('{}'))
    const url = new URL(await presignDownload(target(DOWNLOAD_KEY), { expiresInSeconds: 60 }))
    expect((await ask(url.href, 'DELETE')).status).toBe(403)
    url.pathname = url.pathname.replace('m/u/2026/11/24/a%2520b.json', 'm/other/secret.json')
    expect(url.pathname).toContain('m/other/secret.json')
    expect((await ask(url.href)).status).toBe(403)
  })
})

describe('an upload link', () => {
  it('uploads with a plain fetch that sends the agreed headers, once', async () => {
    const url = await presignUpload(target('uploads/m/u/1'), {
      expiresInSeconds: 60,
      contentType: 'image/png',
    })
    const response = await fetch(url, { method: 'PUT', body: 'pixels', headers: UPLOAD_HEADERS })
    expect(response.status).toBe(200)
    const object = await opened.store.get('uploads/m/u/1')
    expect(object).toMatchObject({ kind: 'found', size: 6, contentType: 'image/png' })

    expect((await ask(url, 'PUT', UPLOAD_HEADERS, 'others')).status).toBe(412)
    expect(await opened.store.head('uploads/m/u/1')).toMatchObject({ size: 6 })
  })

  it('creates exactly the key it was made for, however awkward', async () => {
    const key = `uploads/m/u/${AWKWARD_NAME}`
    const url = await presignUpload(target(key), { expiresInSeconds: 60, contentType: 'image/png' })
    const response = await fetch(url, { method: 'PUT', body: 'pixels', headers: UPLOAD_HEADERS })
    expect(response.status).toBe(200)
    const listed = await collect(opened.store.list('uploads/m/u/'))
    expect(listed.map((object) => object.key)).toContain(key)
  })

  it('signs type and condition and carries no checksum of an empty body', async () => {
    const url = new URL(
      await presignUpload(target('uploads/m/u/2'), { expiresInSeconds: 60, contentType: 'image/png' }),
    )
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('content-type;host;if-none-match')
    const names = [...url.searchParams.keys()].map((name) => name.toLowerCase())
    expect(names.filter((name) => name.includes('checksum') || name === 'x-id')).toEqual([])
    expect(url.searchParams.get('X-Amz-Content-Sha256')).toBe('UNSIGNED-PAYLOAD')
  })

  it.each([
    ['another content type', { ...UPLOAD_HEADERS, 'content-type': 'text/html' }],
    ['no content type', { 'if-none-match': '*' }],
    ['no condition', { 'content-type': 'image/png' }],
  ])('is refused with %s', async (_, headers: Record<string, string>) => {
    const key = 'uploads/m/u/refused'
    const url = await presignUpload(target(key), { expiresInSeconds: 60, contentType: 'image/png' })
    expect((await ask(url, 'PUT', headers, 'x')).status).toBe(403)
    expect(await opened.store.head(key)).toBeUndefined()
  })

  it('is refused for another key or method', async () => {
    const options = { expiresInSeconds: 60, contentType: 'image/png' }
    const url = await presignUpload(target('uploads/m/u/3'), options)
    const elsewhere = url.replace('uploads/m/u/3', 'uploads/m/v/3')
    expect((await ask(elsewhere, 'PUT', UPLOAD_HEADERS, 'x')).status).toBe(403)
    expect((await ask(url, 'GET', UPLOAD_HEADERS)).status).toBe(403)
    expect(await collect(opened.store.list('uploads/m/v/'))).toEqual([])
  })

  it.each(['m/u/2026/11/24/a.json', 'manifests/m/u/manifest.jsonl', 'uploadsx/a', 'uploads'])(
    'is not given out for %s',
    async (key) => {
      const options = { expiresInSeconds: 60, contentType: 'image/png' }
      await expect(presignUpload(target(key), options)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    },
  )
})

describe('any link', () => {
  it('is refused once it has expired', async () => {
    const options = { expiresInSeconds: 1, contentType: 'image/png' }
    const download = await presignDownload(target(DOWNLOAD_KEY), { expiresInSeconds: 1 })
    const upload = await presignUpload(target('uploads/m/u/late'), options)
    // The server has its own clock, so the real second has to pass.
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    expect((await ask(download)).status).toBe(403)
    expect((await ask(upload, 'PUT', UPLOAD_HEADERS, 'x')).status).toBe(403)
    expect(await opened.store.head('uploads/m/u/late')).toBeUndefined()
  })

  it.each([0, -1, 1.5, 604_801, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot last %s seconds',
    async (seconds) => {
      const options = { expiresInSeconds: seconds, contentType: 'image/png' }
      await expect(presignDownload(target('m/u/a'), options)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      await expect(presignUpload(target('uploads/a'), options)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })
    },
  )

  it('can last from one second to seven days', async () => {
    for (const seconds of [1, 604_800]) {
      expect(await presignDownload(target('m/u/a'), { expiresInSeconds: seconds })).toContain(
        `Expires=${seconds}`,
      )
    }
  })
})
