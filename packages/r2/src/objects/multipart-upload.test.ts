import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ByteRange, ObjectBody, ObjectStore } from '@umbra/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { MIN_PART_BYTES } from './part-plan.ts'
import { MULTIPART_THRESHOLD_BYTES } from './r2-object-store.ts'
import { collect, openStore } from './r2-store.fixture.ts'
import { answerError } from './scripted-server.fixture.ts'
import type { SeenRequest } from './scripted-server.fixture.ts'
import { openScripted, writeObjectHead } from './scripted-store.fixture.ts'
import type { Answer } from './scripted-store.fixture.ts'

const LARGE_BYTES = 70 * 1024 ** 2 + 5
const large = randomBytes(LARGE_BYTES)
/** Just large enough to travel in parts: five of them, the last of one byte. */
const small = large.subarray(0, MULTIPART_THRESHOLD_BYTES + 1)

/** Readable again and again in any span, in chunks that do not divide the parts evenly. */
function streamed(content: Buffer): ObjectBody {
  return {
    size: content.byteLength,
    bytes: undefined,
    async *stream(range: ByteRange = { start: 0 }) {
      const end = (range.end ?? content.byteLength - 1) + 1
      for (let at = range.start; at < end; at += 1_000_000)
        yield content.subarray(at, Math.min(end, at + 1_000_000))
    },
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('a large body', () => {
  let local: LocalR2
  let store: ObjectStore
  let close: () => void

  beforeAll(async () => {
    local = await startLocalR2()
    ;({ store, close } = openStore(local.settings))
  })

  afterAll(async () => {
    close()
    await local.close()
  })

  async function stored(key: string): Promise<Uint8Array | undefined> {
    const object = await store.get(key)
    return object?.kind === 'found' ? object.bytes() : undefined
  }

  it('travels in equal parts, three at a time, and arrives whole', async () => {
    const opened = openStore(local.settings)
    onTestFinished(opened.close)
    const lengths = new Map<number, number>()
    let inFlight = 0
    let mostInFlight = 0
    opened.context.client.middlewareStack.add(
      (next) => async (args) => {
        const input: object = args.input
        if (!('PartNumber' in input) || !('ContentLength' in input)) return next(args)
        lengths.set(Number(input.PartNumber), Number(input.ContentLength))
        mostInFlight = Math.max(mostInFlight, ++inFlight)
        return next(args).finally(() => inFlight--)
      },
      { step: 'initialize' },
    )
    const description = { contentType: 'application/parquet', metadata: { name: 'größe' } }
    const { etag } = await opened.store.put('large/stream', streamed(large), description)
    expect([...lengths].sort(([a], [b]) => a - b)).toEqual([
      ...Array.from({ length: 8 }, (_, index) => [index + 1, MIN_PART_BYTES]),
      [9, LARGE_BYTES - 8 * MIN_PART_BYTES],
    ])
    expect(mostInFlight).toBe(3)
    expect(await store.head('large/stream')).toMatchObject({ etag, size: LARGE_BYTES, ...description })
    expect(sha256((await stored('large/stream')) ?? new Uint8Array())).toBe(sha256(large))
  })

  it('may be given as bytes and may create', async () => {
    await store.put('large/bytes', small, { ifNoneMatch: '*' })
    expect(sha256((await stored('large/bytes')) ?? new Uint8Array())).toBe(sha256(small))
  })

  it('does not replace an existing object when it may only create', async () => {
    await store.put('large/taken', Buffer.from('small'))
    await expect(store.put('large/taken', small, { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { outcome: 'not-applied' },
    })
    expect(Buffer.from((await stored('large/taken')) ?? []).toString()).toBe('small')
  })

  it('cannot replace a given version', async () => {
    await expect(store.put('large/swap', small, { ifMatch: 'e' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
  })

  it('that cannot be read to its end leaves no object', async () => {
    const body: ObjectBody = {
      size: small.byteLength,
      bytes: undefined,
      async *stream(range: ByteRange = { start: 0 }) {
        if (range.start >= 3 * MIN_PART_BYTES) throw new Error('disk gone')
        yield small.subarray(range.start, (range.end ?? Infinity) + 1)
      },
    }
    await expect(store.put('broken/body', body)).rejects.toMatchObject({
      code: 'INTERNAL',
      details: { outcome: 'not-applied' },
      cause: { message: 'disk gone' },
    })
    expect(await collect(store.list('broken/'))).toEqual([])
  })
})

function operationOf({ method, url }: SeenRequest): string {
  const query = new URL(url, 'http://x').searchParams
  if (query.has('uploads')) return 'create'
  if (query.has('partNumber')) return `part ${query.get('partNumber')}`
  return { HEAD: 'head', DELETE: 'abort', POST: 'complete' }[method] ?? method
}

const acceptPart: Answer = (request, response) => {
  response.writeHead(200, { etag: `"${operationOf(request)}"` }).end()
}

/** A store that does everything right, except as told. */
function accepting(exceptions: Readonly<Record<string, Answer>>): Answer {
  return (request, response) => {
    const operation = operationOf(request)
    const exception = exceptions[operation]
    if (exception !== undefined) exception(request, response)
    else if (operation === 'create')
      response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
    else if (operation === 'complete')
      response.end('<CompleteMultipartUploadResult><ETag>"whole-5"</ETag></CompleteMultipartUploadResult>')
    else if (operation === 'abort') response.writeHead(204).end()
    else acceptPart(request, response)
  }
}

describe('an upload in parts', () => {
  it.each([
    ['bytes', small],
    ['a stream', streamed(small)],
  ])('of %s sends a failed part again, the same bytes, and names every part in order', async (_, body) => {
    let failures = 2
    const { server, store } = await openScripted(
      accepting({
        'part 2': (request, response) => {
          if (failures-- > 0) answerError(response, 500, 'InternalError')
          else acceptPart(request, response)
        },
      }),
    )
    expect(await store.put('a/b', body)).toEqual({ etag: 'whole-5' })
    const attempts = server.requests.filter((request) => operationOf(request) === 'part 2')
    const secondPart = sha256(small.subarray(MIN_PART_BYTES, 2 * MIN_PART_BYTES))
    expect(attempts.map((request) => sha256(request.body))).toEqual([secondPart, secondPart, secondPart])
    expect(server.requests.map(operationOf)).not.toContain('abort')
    const completion = server.requests.at(-1)?.body.toString() ?? ''
    const parts = completion.matchAll(/<Part><ETag>&quot;part (\d)&quot;<\/ETag><PartNumber>(\d)</g)
    expect([...parts].map(([, etag, number]) => [etag, number])).toEqual(
      ['1', '2', '3', '4', '5'].map((number) => [number, number]),
    )
  })

  it('is begun again when the connection is lost', async () => {
    let begun = 0
    const { store } = await openScripted(
      accepting({
        create: (_, response) => {
          if (++begun === 1) response.socket?.resetAndDestroy()
          else
            response.end(
              '<InitiateMultipartUploadResult><UploadId>u2</UploadId></InitiateMultipartUploadResult>',
            )
        },
      }),
    )
    expect(await store.put('a/b', small)).toEqual({ etag: 'whole-5' })
    expect(begun).toBe(2)
  })

  it('names its parts to a store that forgets quotes as the store has named them', async () => {
    const nameBare: Answer = (request, response) => {
      response.writeHead(200, { etag: operationOf(request).replace(' ', '-') }).end()
    }
    const { server, store } = await openScripted(
      accepting({
        ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [`part ${number}`, nameBare])),
        complete: (_, response) =>
          response.end('<CompleteMultipartUploadResult><ETag>whole-5</ETag></CompleteMultipartUploadResult>'),
      }),
    )
    expect(await store.put('a/b', small)).toEqual({ etag: 'whole-5' })
    const completion = server.requests.at(-1)?.body.toString() ?? ''
    expect([...completion.matchAll(/<ETag>(.*?)<\/ETag>/g)].map(([, etag]) => etag)).toEqual(
      [1, 2, 3, 4, 5].map((number) => `part-${number}`),
    )
  })

  it('gives up a part after the allowed attempts', async () => {
    const { server, store } = await openScripted(
      accepting({ 'part 5': (_, response) => answerError(response, 500, 'InternalError') }),
    )
    await expect(store.put('a/b', small)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(server.requests.filter((request) => operationOf(request) === 'part 5')).toHaveLength(3)
    expect(server.requests.map(operationOf).at(-1)).toBe('abort')
  })

  it('stops its other parts at once when one cannot be stored, and is abandoned', async () => {
    const arrived = new Map<string, ServerResponse>()
    const closed: Promise<unknown>[] = []
    const hold: Answer = (request, response) => {
      arrived.set(operationOf(request), response)
      if (operationOf(request) !== 'part 1') closed.push(once(response, 'close'))
      const first = arrived.get('part 1')
      if (first !== undefined && arrived.size === 3) answerError(first, 403, 'AccessDenied')
    }
    // The timeout is far longer than the test may take.
    const { server, store } = await openScripted(
      accepting({ 'part 1': hold, 'part 2': hold, 'part 3': hold }),
      600_000,
    )
    await expect(store.put('a/b', small)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { operation: 'uploadPart', outcome: 'not-applied' },
    })
    const operations = server.requests.map(operationOf)
    expect(operations.at(-1)).toBe('abort')
    expect(server.requests.at(-1)?.url).toContain('uploadId=u1')
    for (const operation of ['part 4', 'part 5', 'complete']) expect(operations).not.toContain(operation)
    expect(closed).toHaveLength(2)
    await Promise.all(closed)
  })

  it('is abandoned when its caller gives it up', async () => {
    const abort = new AbortController()
    const { server, store } = await openScripted(accepting({ 'part 3': () => abort.abort() }))
    await expect(store.put('a/b', small, { signal: abort.signal })).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { outcome: 'not-applied' },
    })
    expect(server.requests.map(operationOf).at(-1)).toBe('abort')
  })

  it('looks for another object only when all parts are there, and is then abandoned', async () => {
    const { server, store } = await openScripted(
      accepting({
        head: (_, response) => {
          writeObjectHead(response, 5)
          response.end()
        },
      }),
    )
    await expect(store.put('a/b', small, { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    const operations = server.requests.map(operationOf)
    expect(operations.slice(-2)).toEqual(['head', 'abort'])
    expect(operations.filter((operation) => operation.startsWith('part'))).toHaveLength(5)
  })

  it('fails with what went wrong first, also when it cannot be abandoned', async () => {
    const { store } = await openScripted(
      accepting({
        'part 1': (_, response) => answerError(response, 413, 'EntityTooLarge'),
        abort: (_, response) => answerError(response, 500, 'InternalError'),
      }),
    )
    await expect(store.put('a/b', small)).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  it('has an unknown outcome when the last answer is lost', async () => {
    const { store } = await openScripted(
      accepting({ complete: (_, response) => response.socket?.resetAndDestroy() }),
    )
    await expect(store.put('a/b', small)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { operation: 'completeMultipartUpload', outcome: 'unknown' },
    })
  })
})
