import { createHash, randomBytes } from 'node:crypto'
import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { startFaultProxy } from '@umbra/core/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createR2Backend } from '../create-r2-backend.ts'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { answerError, startScriptedServer } from '../objects/scripted-server.fixture.ts'
import type { R2Settings } from '../r2-settings.ts'

const MAX_LINK_SECONDS = 604_800

let server: LocalR2
beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(() => server.close())

async function connect(change: Partial<R2Settings> = {}): Promise<StorageManager> {
  const storage = manageBackend(await createR2Backend({ ...server.settings, ...change }))
  onTestFinished(() => storage.close())
  return storage
}

describe('the adapter on a real store', () => {
  it('33. an object key of 1,024 bytes is stored, replaced, merged and read back, one of 1,025 is refused', async () => {
    const backend = await createR2Backend(server.settings)
    const storage = manageBackend(backend)
    onTestFinished(() => storage.close())
    const namespace = { module: 'long', userId: 'u' }
    // With the number and the nonce that are longest of all later revisions.
    const around = 'long/u/2026/01/01/~9999999999-01AAAAAAAAAAAAAAAAAAAAAAAA.json'.length
    const named = (keyBytes: number) => {
      const bytes = keyBytes - around
      return '日'.repeat(Math.floor(bytes / 9)) + 'a'.repeat(bytes % 9)
    }
    const id = named(1_024)
    await storage.storeData({ ...namespace, id, data: 1 })
    await storage.updateData({ ...namespace, recordId: id, data: 2 })
    await backend.maintenance?.compact(namespace)
    expect((await storage.retrieveData('long', 'u', id))?.data).toBe(2)
    await expect(storage.storeData({ ...namespace, id: named(1_025), data: 1 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { bytes: 1_025, limit: 1_024 },
    })
    expect(await storage.retrieveData('long', 'u')).toHaveLength(1)
  })

  it('33. a namespace is refused of which a part of the manifest would have a key of 1,025 bytes, and not with one less', async () => {
    const backend = await createR2Backend(server.settings)
    const storage = manageBackend(backend)
    onTestFinished(() => storage.close())
    const around = `manifests.d/m//r/L10/${'0'.repeat(12)}-01AAAAAAAAAAAAAAAAAAAAAAAA.parquet`.length
    const named = (keyBytes: number) => {
      const bytes = keyBytes - around
      return '日'.repeat(Math.floor(bytes / 9)) + 'a'.repeat(bytes % 9)
    }
    const at = { module: 'm', userId: named(1_024) }
    await storage.storeData({ ...at, id: 'i', data: 1 })
    await backend.maintenance?.compact(at)
    expect((await storage.retrieveData('m', at.userId, 'i'))?.data).toBe(1)
    const tooLong = storage.storeData({ module: 'm', userId: named(1_025), id: 'i', data: 1 })
    await expect(tooLong).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { bytes: 1_025, limit: 1_024 },
    })
  })

  // More of links: presign.test.ts and the conformance suite.
  it('34. a link lives for seven days at most, an upload cannot be overwritten, and finalizing twice makes one record', async () => {
    const storage = await connect()
    const at = { module: 'links', userId: 'u' }
    const { storageKey } = await storage.storeData({ ...at, data: 1 })
    const link = await storage.generatePresignedUrl(storageKey, { expiresIn: MAX_LINK_SECONDS })
    expect(new URL(link).searchParams.get('X-Amz-Expires')).toBe(String(MAX_LINK_SECONDS))
    const tooLong = storage.generatePresignedUrl(storageKey, { expiresIn: MAX_LINK_SECONDS + 1 })
    await expect(tooLong).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    const { uploadId, url } = await storage.createUpload({ ...at, contentType: 'text/plain' })
    const send = async (body: string) => {
      const headers = { 'content-type': 'text/plain', 'if-none-match': '*', connection: 'close' }
      return (await fetch(url, { method: 'PUT', headers, body })).status
    }
    expect(await send('first')).toBe(200)
    const once = await storage.finalizeUpload({ ...at, uploadId, filename: 'a.txt' })
    await send('again').catch(() => undefined)
    const twice = await storage.finalizeUpload({ ...at, uploadId, filename: 'a.txt' })
    expect(twice).toEqual(once)
    const found = await storage.retrieveData(at.module, at.userId, uploadId)
    expect(Buffer.from(found?.data as Uint8Array).toString()).toBe('first')
    expect(await storage.retrieveData(at.module, at.userId)).toHaveLength(2)
  })

  // More kinds of stores: probe-conditions.test.ts.
  it('35. a store that ignores conditions is refused unless one process alone writes, and no answer of 404 or 409 deters it', async () => {
    const refused = await startStore(() => true, 412)
    await expect(createR2Backend(refused.settings)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('compareAndSwap'),
    })
    const alone = await createR2Backend({ ...refused.settings, singleWriter: true })
    await alone.close()
    for (const status of [404, 409, 412] as const) {
      const { settings } = await startStore((request, etag) => holds(request, etag), status)
      await (await createR2Backend(settings)).close()
    }
  })

  // More of uploads in parts: multipart-upload.test.ts and store-faults.test.ts.
  it('36. a body sent in parts is stored once, though a part fails and the answer to the last request is lost', async () => {
    const isBody = (key: string) => key.startsWith('parts/')
    const proxy = await startFaultProxy({
      target: server.endpoint,
      seed: 1,
      faults: [
        { fault: { kind: 'error-before' }, methods: ['PUT'], key: isBody, nth: 2, times: 1 },
        // The first POST begins the upload, the second completes it.
        { fault: { kind: 'cut-before-answer' }, methods: ['POST'], key: isBody, nth: 2, times: 1 },
      ],
    })
    onTestFinished(() => proxy.close())
    const storage = await connect({ endpoint: proxy.endpoint })
    const data = randomBytes(33 * 1_024 ** 2)
    const record = await storage.storeData({ module: 'parts', userId: 'u', dataFormat: 'binary', data })
    expect(proxy.counts()).toMatchObject({ 'error-before': 1, 'cut-before-answer': 1 })
    const hash = createHash('sha256')
    for await (const chunk of (await storage.openData('parts', 'u', record.id))?.body ?? [])
      hash.update(chunk)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'))
    expect(await storage.retrieveData('parts', 'u')).toHaveLength(1)
  })
})

type Headers = Readonly<Record<string, string | string[] | undefined>>

function holds(headers: Headers, etag: string | undefined): boolean {
  if (headers['if-none-match'] === '*' && etag !== undefined) return false
  return headers['if-match'] === undefined || headers['if-match'] === etag
}

/** A store of which every answer to a lost race is the same. */
async function startStore(
  accepts: (headers: Headers, etag: string | undefined) => boolean,
  refusal: 404 | 409 | 412,
) {
  const etags = new Map<string, string>()
  const codes = { 404: 'NoSuchKey', 409: 'ConditionalRequestConflict', 412: 'PreconditionFailed' }
  const scripted = await startScriptedServer(({ method, url, headers, body }, response) => {
    const key = url.split('?')[0] ?? ''
    const current = etags.get(key)
    if (method !== 'PUT') {
      if (method === 'HEAD' && current !== undefined)
        response
          .writeHead(200, {
            etag: current,
            'content-length': '36',
            'last-modified': new Date().toUTCString(),
          })
          .end()
      else if (method === 'DELETE') response.writeHead(204).end()
      else answerError(response, 404, 'NoSuchKey')
      return
    }
    const creates = headers['if-none-match'] === '*'
    if (!accepts(headers, current))
      return answerError(
        response,
        creates && refusal === 404 ? 412 : refusal,
        codes[creates && refusal === 404 ? 412 : refusal],
      )
    const etag = `"${createHash('md5').update(body).digest('hex')}"`
    etags.set(key, etag)
    response.writeHead(200, { etag }).end()
  })
  onTestFinished(() => scripted.close())
  return scripted
}
