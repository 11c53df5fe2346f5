import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from './object-store.ts'
import { MULTIPART_THRESHOLD_BYTES } from './r2-object-store.ts'
import { collect, openStore } from './r2-store.fixture.ts'
import { answerError, startScriptedServer } from './scripted-server.fixture.ts'
import type { ScriptedServer, SeenRequest } from './scripted-server.fixture.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

type Answer = (request: SeenRequest, response: ServerResponse) => void

async function openScripted(
  answer: Answer,
  requestTimeoutMs = 5_000,
): Promise<{ server: ScriptedServer; store: ObjectStore }> {
  const server = await startScriptedServer(answer)
  cleanups.push(() => server.close())
  const { store, close } = openStore({ ...server.settings, requestTimeoutMs })
  cleanups.push(close)
  return { server, store }
}

function writeHead(response: ServerResponse, contentLength: number, status = 200): void {
  response.writeHead(status, {
    etag: '"e1"',
    'content-length': contentLength,
    'last-modified': 'Tue, 24 Nov 2026 00:00:00 GMT',
    date: 'Tue, 24 Nov 2026 00:00:07 GMT',
  })
}

async function readAll(store: ObjectStore): Promise<Uint8Array | undefined> {
  const object = await store.get('a/b')
  return object?.kind === 'found' ? object.bytes() : undefined
}

describe('a download', () => {
  it('carries the time of the store', async () => {
    const { store } = await openScripted((_, response) => {
      writeHead(response, 0)
      response.end()
    })
    const serverDate = new Date('2026-11-24T00:00:07Z')
    expect(await store.get('a/b')).toMatchObject({ serverDate })
    expect(await store.head('a/b')).toMatchObject({ serverDate })
  })

  it('that stops sending ends with TIMEOUT', async () => {
    const { store } = await openScripted((_, response) => {
      writeHead(response, 100)
      response.write('half')
    }, 200)
    await expect(readAll(store)).rejects.toMatchObject({ code: 'TIMEOUT', details: { key: 'a/b' } })
  })

  it('may be read as slowly as the reader likes', async () => {
    const { store } = await openScripted((_, response) => {
      writeHead(response, 200_000)
      response.end(Buffer.alloc(200_000))
    }, 200)
    const object = await store.get('a/b')
    let bytes = 0
    for await (const chunk of object?.kind === 'found' ? object.body : []) {
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 400))
      bytes += chunk.byteLength
    }
    expect(bytes).toBe(200_000)
  })

  it('that is cut short is an error, never a short read', async () => {
    const { store } = await openScripted((_, response) => {
      writeHead(response, 100)
      response.write('half', () => response.destroy())
    })
    await expect(readAll(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('that ignores the range is refused', async () => {
    const { store } = await openScripted((_, response) => {
      writeHead(response, 4)
      response.end('full')
    })
    await expect(store.get('a/b', { range: { start: 1, end: 2 } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
  })
})

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
    cleanups.push(close)
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
    cleanups.push(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { store, close } = openStore({
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'bucket',
      accessKeyId: 'a',
      secretAccessKey: 'b',
    })
    cleanups.push(close)
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

describe('an upload in parts', () => {
  const body = new Uint8Array(MULTIPART_THRESHOLD_BYTES + 1)
  const operationOf = ({ method, url }: SeenRequest): string => {
    const query = new URL(url, 'http://x').searchParams
    if (query.has('uploads')) return 'create'
    if (query.has('partNumber')) return `part ${query.get('partNumber')}`
    return method === 'DELETE' ? 'abort' : 'complete'
  }

  function multipart(onPart: (request: SeenRequest, response: ServerResponse) => void): Answer {
    return (request, response) => {
      const operation = operationOf(request)
      if (operation === 'create') {
        response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
      } else if (operation.startsWith('part')) onPart(request, response)
      else if (operation === 'abort') response.writeHead(204).end()
      else
        response.end('<CompleteMultipartUploadResult><ETag>"whole-5"</ETag></CompleteMultipartUploadResult>')
    }
  }

  const acceptPart: Answer = (request, response) => {
    response.writeHead(200, { etag: `"${operationOf(request)}"` }).end()
  }

  it('retries a part that failed and names every part in order', async () => {
    let failures = 2
    const { server, store } = await openScripted(
      multipart((request, response) => {
        if (operationOf(request) === 'part 2' && failures-- > 0) answerError(response, 500, 'InternalError')
        else acceptPart(request, response)
      }),
    )
    expect(await store.put('a/b', body)).toEqual({ etag: 'whole-5' })
    const operations = server.requests.map(operationOf)
    expect(operations.filter((operation) => operation === 'part 2')).toHaveLength(3)
    expect(operations).not.toContain('abort')
    const completion = server.requests.at(-1)?.body.toString() ?? ''
    expect([...completion.matchAll(/<PartNumber>(\d)</g)].map((match) => match[1])).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
    ])
  })

  it('is abandoned when a part cannot be stored, and has then changed nothing', async () => {
    const { server, store } = await openScripted(
      multipart((request, response) => {
        if (operationOf(request) === 'part 3') answerError(response, 403, 'AccessDenied')
        else acceptPart(request, response)
      }),
    )
    await expect(store.put('a/b', body)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { operation: 'uploadPart', outcome: 'not-applied' },
    })
    const operations = server.requests.map(operationOf)
    expect(operations.at(-1)).toBe('abort')
    expect(operations).not.toContain('complete')
    expect(server.requests.at(-1)?.url).toContain('uploadId=u1')
  })

  it('has an unknown outcome when the last answer is lost', async () => {
    const { store } = await openScripted((request, response) => {
      if (operationOf(request) === 'complete') response.socket?.resetAndDestroy()
      else multipart(acceptPart)(request, response)
    })
    await expect(store.put('a/b', body)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { operation: 'completeMultipartUpload', outcome: 'unknown' },
    })
  })
})

describe('deleting many', () => {
  it('reads the result of every key from an answer of 200', async () => {
    const { store } = await openScripted((_, response) => {
      response.end(`<DeleteResult>
        <Deleted><Key>a/1</Key></Deleted>
        <Error><Key>a/2</Key><Code>AccessDenied</Code><Message>locked</Message></Error>
      </DeleteResult>`)
    })
    expect(await store.deleteMany(['a/1', 'a/2', 'a/3'])).toEqual({
      deleted: ['a/1'],
      failed: [
        { key: 'a/2', code: 'AccessDenied', message: 'locked' },
        { key: 'a/3', code: 'NoResult', message: 'the store did not say what became of this key' },
      ],
    })
  })

  it('takes 2,500 keys in three requests', async () => {
    const { server, store } = await openScripted(({ body }, response) => {
      const keys = [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1])
      response.end(
        `<DeleteResult>${keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join('')}</DeleteResult>`,
      )
    })
    const keys = Array.from({ length: 2_500 }, (_, index) => `a/${index}`)
    expect(await store.deleteMany(keys)).toEqual({ deleted: keys, failed: [] })
    expect(server.requests).toHaveLength(3)
  })
})

describe('listing', () => {
  it('refuses to pass a part of a listing off as all of it', async () => {
    const { store } = await openScripted((_, response) => {
      response.end('<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>')
    })
    await expect(collect(store.list('a/'))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
