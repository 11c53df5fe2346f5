import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import { probeConditions } from './probe-conditions.ts'
import type { ConditionReport } from './probe-conditions.ts'
import { collect, FAST_RETRY, openStore } from './r2-store.fixture.ts'
import { answerError, startScriptedServer } from './scripted-server.fixture.ts'
import type { SeenRequest } from './scripted-server.fixture.ts'

const FOLDER = 'manifests.d/probe-1'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** What a server that keeps objects in memory does with one write. */
type Write = (objects: Map<string, string>, request: SeenRequest, response: ServerResponse) => void

const etagOf = (body: Buffer): string => `"${createHash('md5').update(body).digest('hex')}"`

const store: Write = (objects, { url, body }, response) => {
  objects.set(url, etagOf(body))
  response.writeHead(200, { etag: etagOf(body) }).end()
}

function holds(objects: Map<string, string>, { url, headers }: SeenRequest): boolean {
  const current = objects.get(url)
  if (headers['if-none-match'] === '*' && current !== undefined) return false
  return headers['if-match'] === undefined || headers['if-match'] === current
}

const storeIfHolds: Write = (objects, request, response) => {
  if (holds(objects, request)) store(objects, request, response)
  else answerError(response, 412, 'PreconditionFailed')
}

const answerHead: Write = (objects, { url }, response) => {
  const key = [...objects.keys()].find((one) => one.startsWith(`${url}?`)) ?? ''
  const dates = { 'last-modified': 'Tue, 24 Nov 2026 00:00:00 GMT', 'content-length': 36 }
  response.writeHead(200, { etag: objects.get(key) ?? '', ...dates }).end()
}

async function probe(
  write: Write,
): Promise<{ report: Promise<ConditionReport>; objects: Map<string, string> }> {
  const objects = new Map<string, string>()
  const server = await startScriptedServer((request, response) => {
    if (request.method === 'PUT') return write(objects, request, response)
    if (request.method === 'HEAD') return answerHead(objects, request, response)
    objects.delete(request.url.replace('DeleteObject', 'PutObject'))
    response.writeHead(204).end()
  })
  cleanups.push(() => server.close())
  const opened = openStore(server.settings)
  cleanups.push(opened.close)
  return { report: probeConditions(opened.store, FOLDER, FAST_RETRY), objects }
}

const ALL_HOLD = { createOnly: true, compareAndSwap: true, missingKey: true, oneWinner: true }
const NONE_HOLDS = { createOnly: false, compareAndSwap: false, missingKey: false, oneWinner: false }

describe('probeConditions', () => {
  it('trusts the local server and leaves nothing behind', async () => {
    const local = await startLocalR2()
    cleanups.push(local.close)
    const opened = openStore(local.settings)
    cleanups.push(opened.close)
    expect(await probeConditions(opened.store, FOLDER, FAST_RETRY)).toEqual(ALL_HOLD)
    expect(await collect(opened.store.list('', { partialPrefix: true }))).toEqual([])
  })

  it('finds out a store that ignores conditions, and cleans up there too', async () => {
    const { report, objects } = await probe(store)
    expect(await report).toEqual(NONE_HOLDS)
    expect([...objects]).toEqual([])
  })

  it('leaves nothing behind when one check fails while others are on their way', async () => {
    let late = 0
    const { report, objects } = await probe((stored, request, response) => {
      if (request.url.includes('/missing')) return answerError(response, 403, 'AccessDenied')
      late++
      setTimeout(() => storeIfHolds(stored, request, response), 50)
    })
    await expect(report).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(late).toBeGreaterThan(3)
    expect([...objects]).toEqual([])
  })

  it('leaves nothing behind when one of those who race fails', async () => {
    let racers = 0
    const { report, objects } = await probe((stored, request, response) => {
      const isRacing = request.url.includes('/race') && 'if-match' in request.headers
      if (isRacing && racers++ === 0) return answerError(response, 403, 'AccessDenied')
      setTimeout(() => store(stored, request, response), isRacing ? 100 : 0)
    })
    await expect(report).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(racers).toBeGreaterThan(1)
    expect([...objects]).toEqual([])
  })

  it('says what will not pass rather than what may, whichever is answered first', async () => {
    const { report } = await probe((stored, request, response) => {
      if (request.url.includes('/create')) return answerError(response, 503, 'ServiceUnavailable')
      if (!request.url.includes('/missing')) return storeIfHolds(stored, request, response)
      setTimeout(() => answerError(response, 403, 'AccessDenied'), 50)
    })
    await expect(report).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  it('finds out a store that does not implement conditions', async () => {
    const { report } = await probe((objects, request, response) => {
      const conditional = 'if-match' in request.headers || 'if-none-match' in request.headers
      if (conditional) answerError(response, 501, 'NotImplemented')
      else store(objects, request, response)
    })
    expect(await report).toEqual(NONE_HOLDS)
  })

  it.each([
    // Ceph 16 and 18: 412 to every ETag in quotes, though their answers have them.
    ['knows etags only without quotes', (etag: string) => etag, (etag: string) => etag.slice(1, -1)],
    ['has weak etags, which never match', (etag: string) => `W/${etag}`, () => undefined],
  ])('finds out a store that %s', async (_, named, matching) => {
    const { report, objects } = await probe((stored, request, response) => {
      const current = stored.get(request.url)
      const { 'if-match': match, 'if-none-match': noneMatch } = request.headers
      const creates = noneMatch === undefined || current === undefined
      const swaps = match === undefined || (current !== undefined && match === matching(current))
      if (!creates || !swaps) return answerError(response, 412, 'PreconditionFailed')
      stored.set(request.url, etagOf(request.body))
      response.writeHead(200, { etag: named(etagOf(request.body)) }).end()
    })
    expect(await report).toEqual({ ...ALL_HOLD, compareAndSwap: false, oneWinner: false })
    expect([...objects]).toEqual([])
  })

  it('finds out a store that checks first and writes later', async () => {
    const { report } = await probe((objects, request, response) => {
      if (!holds(objects, request)) return answerError(response, 412, 'PreconditionFailed')
      setTimeout(() => store(objects, request, response), 50)
    })
    expect(await report).toEqual({ ...ALL_HOLD, oneWinner: false })
  })

  it('finds out a store that takes any version it ever had', async () => {
    const past = new Set<string>()
    const { report } = await probe((objects, request, response) => {
      const version = request.headers['if-match']
      if (version !== undefined && past.has(request.url + version)) return store(objects, request, response)
      past.add(request.url + etagOf(request.body))
      storeIfHolds(objects, request, response)
    })
    expect(await report).toEqual({ ...ALL_HOLD, compareAndSwap: false, oneWinner: false })
  })

  it('trusts a store that answers 409 or 404 to the losers', async () => {
    const { report } = await probe((objects, request, response) => {
      if (holds(objects, request)) store(objects, request, response)
      else if (objects.has(request.url)) answerError(response, 409, 'ConditionalRequestConflict')
      else answerError(response, 404, 'NoSuchKey')
    })
    expect(await report).toEqual(ALL_HOLD)
  })

  it('is patient with a store that limits writes per key', async () => {
    const attempts = new Map<string, number>()
    const { report } = await probe((objects, request, response) => {
      const attempt = (attempts.get(request.url) ?? 0) + 1
      attempts.set(request.url, attempt)
      if (attempt <= 2) answerError(response, 429, 'TooManyRequests')
      else storeIfHolds(objects, request, response)
    })
    expect(await report).toEqual(ALL_HOLD)
  })

  it('does not judge a store whose network answers with the refusal of a second copy of a request', async () => {
    const { report } = await probe((objects, request, response) => {
      const isRacer = request.url.includes('/race') && 'if-match' in request.headers
      if (!isRacer || !holds(objects, request)) return storeIfHolds(objects, request, response)
      objects.set(request.url, etagOf(request.body))
      answerError(response, 412, 'PreconditionFailed')
    })
    await expect(report).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  })

  it('finds out a store in which somebody wins without being told', async () => {
    const { report } = await probe((objects, request, response) => {
      const isRacer = request.url.includes('/race') && 'if-match' in request.headers
      const loses = isRacer && !holds(objects, request)
      // The loser's write stays, though it was refused.
      if (loses) objects.set(request.url, etagOf(request.body))
      if (loses) answerError(response, 412, 'PreconditionFailed')
      else storeIfHolds(objects, request, response)
    })
    expect(await report).toEqual({ ...ALL_HOLD, oneWinner: false })
  })

  it('does not judge a store that could not be asked', async () => {
    const { report } = await probe((_, __, response) => answerError(response, 500, 'InternalError'))
    await expect(report).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const limiting = await probe((_, __, response) => answerError(response, 429, 'TooManyRequests'))
    await expect(limiting.report).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const gone = await startScriptedServer(() => {})
    await gone.close()
    const opened = openStore(gone.settings)
    cleanups.push(opened.close)
    await expect(probeConditions(opened.store, FOLDER, FAST_RETRY)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })
})
