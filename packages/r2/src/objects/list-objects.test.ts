import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { collect, openStore } from './r2-store.fixture.ts'
import { openScripted } from './scripted-store.fixture.ts'

const keys = Array.from({ length: 1_050 }, (_, index) => `foo/many/${String(index).padStart(5, '0')}`)

let local: LocalR2
let opened: ReturnType<typeof openStore>
/** How many objects each request asked for. */
const pageSizes: unknown[] = []

beforeAll(async () => {
  local = await startLocalR2()
  opened = openStore(local.settings)
  const queue = [...keys, 'foo/manyother/1', 'foo/one', 'foobar/1'].values()
  const worker = async (): Promise<void> => {
    for (const key of queue) await opened.store.put(key, Buffer.from(key))
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  opened.context.client.middlewareStack.add(
    (next) => (args) => {
      const input: object = args.input
      if ('MaxKeys' in input) pageSizes.push(input.MaxKeys)
      return next(args)
    },
    { step: 'initialize' },
  )
})

afterAll(async () => {
  opened.close()
  await local.close()
})

async function keysOf(...args: Parameters<typeof opened.store.list>): Promise<string[]> {
  pageSizes.length = 0
  return (await collect(opened.store.list(...args))).map((object) => object.key)
}

describe('listing a folder', () => {
  it('returns more than one page, in order, without the sibling folder', async () => {
    expect(await keysOf('foo/many/')).toEqual(keys)
    expect(pageSizes).toEqual([1_000, 1_000])
    expect(await keysOf('foo/')).toEqual([...keys, 'foo/manyother/1', 'foo/one'])
  })

  it('describes each object', async () => {
    const [object] = await collect(opened.store.list('foo/many/', { limit: 1 }))
    expect(object).toEqual({
      key: 'foo/many/00000',
      etag: expect.stringMatching(/^[0-9a-f]{32}$/),
      size: 14,
      lastModified: expect.any(Date),
    })
  })

  it('begins after a key and ends at a limit, across pages', async () => {
    const options = { startAfter: 'foo/many/00010', limit: 1_005 }
    expect(await keysOf('foo/many/', options)).toEqual(keys.slice(11, 1_016))
    expect(await keysOf('foo/many/', { startAfter: 'foo/many/01048' })).toEqual(['foo/many/01049'])
    expect(await keysOf('foo/many/', { startAfter: 'foo/many/01049' })).toEqual([])
  })

  it('asks for no more than the limit', async () => {
    expect(await keysOf('foo/many/', { limit: 3 })).toEqual(keys.slice(0, 3))
    expect(pageSizes).toEqual([3])
    expect(await keysOf('foo/many/', { limit: 0 })).toEqual([])
    expect(pageSizes).toEqual([])
  })

  it('asks for the next page only when it is wanted', async () => {
    pageSizes.length = 0
    for await (const object of opened.store.list('foo/many/')) if (object.key === keys[999]) break
    expect(pageSizes).toEqual([1_000])
  })

  it('that is empty returns nothing', async () => {
    expect(await keysOf('nothing/')).toEqual([])
  })

  it('refuses a prefix that would include siblings unless that is asked for', async () => {
    for (const prefix of ['foo', 'foo/many', '']) {
      await expect(keysOf(prefix), prefix).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      await expect(collect(opened.store.listFolders(prefix)), prefix).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      })
    }
    expect(await keysOf('foo/many', { partialPrefix: true })).toEqual([...keys, 'foo/manyother/1'])
    expect(await keysOf('', { partialPrefix: true })).toHaveLength(1_053)
  })

  it('lists its folders', async () => {
    expect(await collect(opened.store.listFolders('foo/'))).toEqual(['foo/many/', 'foo/manyother/'])
  })
})

describe('a listing in pages', () => {
  it.each(['list', 'listFolders'] as const)('is not cut short without a word (%s)', async (operation) => {
    const { server, store } = await openScripted((_, response) => {
      response.end('<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>')
    })
    await expect(collect<unknown>(store[operation]('a/'))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(server.requests).toHaveLength(1)
  })

  it('of folders goes on to the last page', async () => {
    const { store } = await openScripted(({ url }, response) => {
      const query = new URL(url, 'http://x').searchParams
      const page = query.get('continuation-token') ?? '1'
      const more = page === '3' ? '' : `<NextContinuationToken>${Number(page) + 1}</NextContinuationToken>`
      response.end(`<ListBucketResult><IsTruncated>${page !== '3'}</IsTruncated>${more}
        <CommonPrefixes><Prefix>${query.get('prefix')}${page}${query.get('delimiter')}</Prefix></CommonPrefixes>
      </ListBucketResult>`)
    })
    expect(await collect(store.listFolders('a/'))).toEqual(['a/1/', 'a/2/', 'a/3/'])
  })

  it('fails when a later page does, after what came before', async () => {
    const { store } = await openScripted(({ url }, response) => {
      if (url.includes('continuation-token')) response.socket?.resetAndDestroy()
      else {
        response.end(`<ListBucketResult><IsTruncated>true</IsTruncated>
          <NextContinuationToken>2</NextContinuationToken><Contents><Key>a/1</Key><ETag>"e"</ETag>
          <Size>1</Size><LastModified>2026-11-24T00:00:00.000Z</LastModified></Contents></ListBucketResult>`)
      }
    })
    const seen: string[] = []
    const reading = (async () => {
      for await (const object of store.list('a/')) seen.push(object.key)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { operation: 'list' } })
    expect(seen).toEqual(['a/1'])
  })

  it.each(['list', 'listFolders'] as const)('asks again for a page that was lost (%s)', async (operation) => {
    let lost = 0
    const { store } = await openScripted((_, response) => {
      if (lost++ < 2) response.socket?.resetAndDestroy()
      else
        response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>
          <CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes><Contents><Key>a/b/1</Key><ETag>"e"</ETag>
          <Size>1</Size><LastModified>2026-11-24T00:00:00.000Z</LastModified></Contents></ListBucketResult>`)
    })
    expect(await collect<unknown>(store[operation]('a/'))).toHaveLength(1)
  })

  it('of objects without a size is refused', async () => {
    const { store } = await openScripted((_, response) => {
      response.end('<ListBucketResult><Contents><Key>a/1</Key><ETag>"e"</ETag></Contents></ListBucketResult>')
    })
    await expect(collect(store.list('a/'))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
