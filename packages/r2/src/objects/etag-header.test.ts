import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromEtagHeader, toEtagHeader } from './etag-header.ts'
import { probeConditions } from './probe-conditions.ts'
import { collect, FAST_RETRY } from './r2-store.fixture.ts'
import { answerError } from './scripted-server.fixture.ts'
import { openScripted } from './scripted-store.fixture.ts'
import type { Answer } from './scripted-store.fixture.ts'

type Naming = (etag: string) => string

/** How stores and what is in front of them write the same ETag: proxies that compress make it weak, some stores forget the quotes. */
const NAMINGS: readonly (readonly [form: string, naming: Naming])[] = [
  ['in quotes', (etag) => `"${etag}"`],
  ['without quotes', (etag) => etag],
  ['as a weak one', (etag) => `W/"${etag}"`],
]

const DATE = 'Tue, 24 Nov 2026 00:00:00 GMT'

/** Says of every object that it has this ETag. */
function answering(header: string): Answer {
  const contents = `<Contents><Key>a/b</Key><ETag>${header.replaceAll('"', '&quot;')}</ETag><Size>3</Size><LastModified>2026-11-24T00:00:00.000Z</LastModified></Contents>`
  return ({ method, url }, response) => {
    if (url.includes('list-type=2')) return response.end(`<ListBucketResult>${contents}</ListBucketResult>`)
    response.writeHead(200, {
      etag: header,
      'last-modified': DATE,
      'content-length': method === 'PUT' ? 0 : 3,
    })
    return response.end(method === 'GET' ? 'abc' : undefined)
  }
}

/** Keeps objects, judges conditions as the standard says (in quotes, and exactly), and names ETags in its own way. */
function keeping(naming: Naming): Answer {
  const etags = new Map<string, string>()
  return ({ method, url, headers, body }, response) => {
    const key = url.split('?')[0] ?? ''
    const current = etags.get(key)
    const [match, noneMatch] = [headers['if-match'], headers['if-none-match']]
    if (method === 'DELETE') {
      etags.delete(key)
      return response.writeHead(204).end()
    }
    if (method !== 'PUT' && current === undefined) return answerError(response, 404, 'NoSuchKey')
    if (noneMatch === '*' && current !== undefined) return answerError(response, 412, 'PreconditionFailed')
    if (match !== undefined && match !== `"${current}"`)
      return answerError(response, 412, 'PreconditionFailed')
    if (noneMatch === `"${current}"`) return response.writeHead(304).end()
    const etag = method === 'PUT' ? createHash('md5').update(body).digest('hex') : (current ?? '')
    etags.set(key, etag)
    return response.writeHead(200, { etag: naming(etag), 'last-modified': DATE, 'content-length': 0 }).end()
  }
}

describe.each(NAMINGS)('an etag that the store names %s', (_, naming) => {
  it.each(['e1', '9a0364b9e99bb480dd25e1f0284c8555-5', '0012e3'])(
    'is the same one (%s) in every answer',
    async (etag) => {
      const { store } = await openScripted(answering(naming(etag)))
      expect(await store.put('a/b', Buffer.from('abc'))).toEqual({ etag })
      expect(await store.get('a/b')).toMatchObject({ etag })
      expect(await store.head('a/b')).toMatchObject({ etag })
      expect(await collect(store.list('a/'))).toMatchObject([{ key: 'a/b', etag }])
    },
  )

  it('goes back in quotes, and strong, as a condition', async () => {
    const { server, store } = await openScripted(answering(naming('e1')))
    const { etag } = await store.put('a/b', Buffer.from('abc'))
    await store.put('a/b', Buffer.from('abd'), { ifMatch: etag })
    await store.get('a/b', { ifMatch: etag })
    await store.get('a/b', { ifNoneMatch: etag })
    const sent = server.requests.map(({ headers }) => headers['if-match'] ?? headers['if-none-match'])
    expect(sent).toEqual([undefined, '"e1"', '"e1"', '"e1"'])
  })

  it('replaces exactly the version it is of, again and again', async () => {
    const { store } = await openScripted(keeping(naming))
    const versions = [await store.put('a/b', Buffer.from('0'), { ifNoneMatch: '*' })]
    for (const text of ['1', '2', '3']) {
      const ifMatch = versions.at(-1)?.etag ?? ''
      versions.push(await store.put('a/b', Buffer.from(text), { ifMatch }))
      expect(await store.get('a/b', { ifNoneMatch: versions.at(-1)?.etag ?? '' })).toEqual({
        kind: 'not-modified',
      })
      await expect(store.put('a/b', Buffer.from('late'), { ifMatch })).rejects.toMatchObject({
        code: 'PRECONDITION_FAILED',
      })
    }
  })

  it('is no reason to refuse a store that honours conditions', async () => {
    const { store } = await openScripted(keeping(naming))
    expect(await probeConditions(store, 'manifests.d/probe-1', FAST_RETRY)).toEqual({
      createOnly: true,
      compareAndSwap: true,
      missingKey: true,
      oneWinner: true,
    })
  })
})

it.each([
  ['', ''],
  ['"', '"'],
  ['""', ''],
  ['W/"', 'W/"'],
  ['W/e1', 'W/e1'],
  ['w/"e1"', 'w/"e1"'],
  ['"a"b"', 'a"b'],
])('takes off nothing but the quotes around an etag and what makes it weak: %s is %s', (header, etag) => {
  expect(fromEtagHeader(header)).toBe(etag)
})

it('puts quotes around an etag and nothing else', () => {
  expect(toEtagHeader('e1')).toBe('"e1"')
})
