import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore } from './r2-store.fixture.ts'
import { answerError, startScriptedServer } from './scripted-server.fixture.ts'
import { openScripted, writeObjectHead } from './scripted-store.fixture.ts'

describe('a request', () => {
  it('without an answer ends with TIMEOUT and an unknown outcome', async () => {
    const { store } = await openScripted(() => {}, 100)
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { operation: 'put', outcome: 'unknown' },
    })
  })

  it('whose connection is reset is UNAVAILABLE with an unknown outcome, and is sent once', async () => {
    const { server, store } = await openScripted((_, response) => response.socket?.resetAndDestroy())
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { outcome: 'unknown', systemCode: 'ECONNRESET' },
    })
    expect(server.requests).toHaveLength(1)
  })

  it('to nobody is UNAVAILABLE', async () => {
    const closed = await startScriptedServer(() => {})
    await closed.close()
    const { store, close } = openStore(closed.settings)
    onTestFinished(close)
    await expect(store.head('a/b')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { systemCode: 'ECONNREFUSED' },
    })
  })

  it('answered with something that is not S3 is UNAVAILABLE', async () => {
    const { store } = await openScripted((_, response) => {
      response.writeHead(502, { 'content-type': 'text/html' })
      response.end('<html><body>Bad gateway')
    })
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { httpStatus: 502 },
    })
  })

  it('is given up when its signal says so', async () => {
    const abort = new AbortController()
    const { store } = await openScripted(() => abort.abort())
    await expect(store.put('a/b', Buffer.from('x'), { signal: abort.signal })).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { outcome: 'unknown' },
    })
    await expect(store.get('a/b', { signal: abort.signal })).rejects.toMatchObject({ code: 'TIMEOUT' })
  })

  it('to an absent bucket says so instead of "no such object"', async () => {
    const { store } = await openScripted((_, response) => answerError(response, 404, 'NoSuchBucket'))
    await expect(store.get('a/b')).rejects.toMatchObject({ code: 'CONFIGURATION' })
    await expect(store.head('a/b')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('for which something in between has no page does not say that the object is absent', async () => {
    const { store } = await openScripted((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' })
      response.end('<html><body>no such page')
    })
    await expect(store.get('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.head('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('for the head of an object that is stored meanwhile finds it', async () => {
    const { store } = await openScripted(({ method }, response) => {
      if (method === 'HEAD') return response.writeHead(404).end()
      writeObjectHead(response, 3)
      return response.end('abc')
    })
    expect(await store.head('a/b')).toMatchObject({ etag: 'e1', size: 3 })
  })

  it('to replace what is gone has lost the race, also where the store answers 404', async () => {
    const { store } = await openScripted((_, response) => answerError(response, 404, 'NoSuchKey'))
    await expect(store.put('a/b', Buffer.from('x'), { ifMatch: 'e' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { outcome: 'not-applied' },
    })
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('an upload from a stream', () => {
  it('fails at once when the stream does, and the stream is closed', async () => {
    const { store } = await openScripted((_, response) => response.end())
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half')
      throw new Error('disk gone')
    }
    const body = { size: 100, bytes: undefined, stream: broken }
    await expect(store.put('a/b', body)).rejects.toMatchObject({
      code: 'INTERNAL',
      details: { outcome: 'not-applied' },
      cause: { message: 'disk gone' },
    })
  })

  it('closes the stream when the request fails', async () => {
    // Answers before it has read the body, which the scripted server never does.
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () =>
        socket.end('HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { store, close } = openStore({
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'bucket',
      accessKeyId: 'a',
      secretAccessKey: 'b',
    })
    onTestFinished(close)
    let closed: (() => void) | undefined
    const isClosed = new Promise<void>((resolve) => (closed = resolve))
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(65_536)
      } finally {
        closed?.()
      }
    }
    const body = { size: 30_000_000, bytes: undefined, stream: endless }
    await expect(store.put('a/b', body)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await isClosed
  })
})
