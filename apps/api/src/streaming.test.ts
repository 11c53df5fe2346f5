import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { afterEach, describe, expect, it } from 'vitest'
import { MASTER_KEY, objectOf, openBody, startApi } from './api.fixture.ts'
import type { CallInit, RunningApi } from './api.fixture.ts'

const BYTES = { 'content-type': 'application/octet-stream' }
const MIB = 1024 * 1024

describe('streams', () => {
  let api: RunningApi
  afterEach(() => api.stop())

  const send = (path: string, body: ReadableStream | string, headers: Record<string, string> = BYTES) =>
    api.call(path, { method: 'POST', headers, body, duplex: 'half' })

  it('carries a file far larger than the JSON limit up and down unchanged', async () => {
    api = await startApi()
    const sent = createHash('sha256')
    let left = 48
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left-- === 0) {
          controller.close()
          return
        }
        const chunk = randomBytes(MIB)
        sent.update(chunk)
        controller.enqueue(chunk)
      },
    })
    const stored = await send('/v1/m/u/records?id=big', source)
    expect(stored.status).toBe(201)
    expect(await objectOf(stored)).toMatchObject({ size: 48 * MIB })
    const read = await api.call('/v1/m/u/records/big')
    expect(read.headers.get('content-length')).toBe(String(48 * MIB))
    const received = createHash('sha256')
    for await (const chunk of read.body ?? []) received.update(chunk)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
  })

  it('carries more rows than fit the JSON limit, and gives them back as one JSON document', async () => {
    api = await startApi()
    const rows = 30_000
    const line = (n: number) => `${JSON.stringify({ n, pad: 'x'.repeat(60) })}\n`
    const lines = Array.from({ length: rows }, (_, n) => line(n)).join('')
    const stored = await send('/v1/m/u/records?id=rows', lines, { 'content-type': 'application/x-ndjson' })
    expect(await objectOf(stored)).toMatchObject({ recordCount: rows })
    const { data } = await objectOf(await api.call('/v1/m/u/records/rows'))
    expect(data).toEqual({ records: Array.from({ length: rows }, (_, n) => ({ n, pad: 'x'.repeat(60) })) })
    expect(await (await api.call('/v1/m/u/records/rows?raw=1')).text()).toBe(lines)
  })

  it('stores nothing of an upload that breaks off, and goes on serving', async () => {
    api = await startApi()
    const { hostname, port } = new URL(api.url)
    const socket = connect(Number(port), hostname)
    const request =
      `POST /v1/m/u/records?id=half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${MASTER_KEY}\r\n` +
      'content-type: text/plain\r\ncontent-length: 1000\r\n\r\nonly this much'
    await new Promise((resolve) => socket.write(request, resolve))
    socket.destroy()
    await expect.poll(() => api.logged()).toContain('"complete":false')
    expect((await api.call('/v1/m/u/records/half')).status).toBe(404)
  })

  it('lets go of a body whose reader goes away', async () => {
    const memory = createMemoryBackend()
    let closed = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(MIB)
      } finally {
        closed++
      }
    }
    api = await startApi({ storage: manageBackend({ ...memory, openBody: async () => endless() }) })
    await send('/v1/m/u/records?id=endless', 'x')
    for (const method of ['GET', 'HEAD']) {
      const abort = new AbortController()
      const before = closed
      const response = await api.call('/v1/m/u/records/endless', { method, signal: abort.signal })
      expect(response.status).toBe(200)
      abort.abort()
      await expect.poll(() => closed).toBe(before + 1)
    }
    expect((await api.call('/healthz')).status).toBe(200)
  })

  it('never ends a damaged body as if it were whole', async () => {
    const memory = createMemoryBackend()
    const damaged = (pieces: string[]): StorageBackend => ({
      ...memory,
      async openBody() {
        return (async function* () {
          for (const piece of pieces) yield Buffer.from(piece)
        })()
      },
    })
    const pieces = ['01234', '5678X']
    api = await startApi({ storage: manageBackend(damaged(pieces)) })
    await send('/v1/m/u/records?id=file', '0123456789')
    await expect(api.call('/v1/m/u/records/file').then((response) => response.text())).rejects.toThrow()
    // In one piece it is seen before anything was sent.
    pieces.splice(0, 2, '012345678X')
    const whole = await api.call('/v1/m/u/records/file')
    expect(whole.status).toBe(500)
    expect(whole.headers.has('content-disposition')).toBe(false)
    expect(await objectOf(whole)).toMatchObject({ code: 'CORRUPT' })
    expect(api.logged()).toContain('CORRUPT')
  })

  it('asks for a fresh read when a record changes between its description and its range', async () => {
    const memory = createMemoryBackend()
    let reads = 0
    const other = manageBackend(memory)
    const backend: StorageBackend = {
      ...memory,
      async getEntry(namespace, id) {
        if (++reads === 2)
          await other.updateData({ ...namespace, recordId: id, data: Buffer.from('changed') })
        return memory.getEntry(namespace, id)
      },
    }
    api = await startApi({ storage: manageBackend(backend) })
    await send('/v1/m/u/records?id=file', '0123456789')
    const response = await api.call('/v1/m/u/records/file', { headers: { range: 'bytes=0-3' } })
    expect(response.status).toBe(409)
    expect(response.headers.has('content-range')).toBe(false)
    expect(await objectOf(response)).toMatchObject({ code: 'CONFLICT' })
  })

  it('gives up on a request that does not arrive in time', async () => {
    api = await startApi({ limits: { requestTimeoutMs: 150 } })
    const body = openBody()
    body.send('a beginning')
    const response = await send('/v1/m/u/records?id=slow', body.stream)
    expect(response.status).toBe(408)
    expect(await objectOf(response)).toMatchObject({ code: 'TIMEOUT' })
    expect((await api.call('/v1/m/u/records/slow')).status).toBe(404)
  })
})

describe('draining', () => {
  it('finishes and stores an upload under way, and takes no new connection', async () => {
    const backend = createMemoryBackend()
    const api = await startApi({ storage: manageBackend(backend) })
    const body = openBody()
    body.send('first half, ')
    const init: CallInit = { method: 'POST', headers: BYTES, body: body.stream, duplex: 'half' }
    const uploading = api.call('/v1/m/u/records?id=slow', init)
    // A second connection that is only kept alive must not hold up the end.
    expect((await api.call('/healthz')).status).toBe(200)
    const drained = api.drain(10_000)
    await expect(connects(api.url)).resolves.toBe(false)
    body.send('second half')
    body.end()
    const response = await uploading
    expect(response.status).toBe(201)
    expect(response.headers.get('connection')).toBe('close')
    expect(await drained).toBe(true)
    await api.storage.close()
    const stored = await manageBackend(backend).retrieveData('m', 'u', 'slow')
    expect(Buffer.from(stored?.data as Uint8Array).toString()).toBe('first half, second half')
  })

  it('cuts what is not finished at the deadline, and says so', async () => {
    const api = await startApi()
    const body = openBody()
    body.send('never finished')
    const init: CallInit = { method: 'POST', headers: BYTES, body: body.stream, duplex: 'half' }
    const uploading = api.call('/v1/m/u/records', init)
    const ended = uploading.then(
      () => 'answered',
      () => 'cut',
    )
    await expect.poll(() => api.call('/v1/m/u/records').then(({ status }) => status)).toBe(200)
    expect(await api.drain(50)).toBe(false)
    expect(await ended).toBe('cut')
    await api.storage.close()
  })
})

function connects(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
  })
}
