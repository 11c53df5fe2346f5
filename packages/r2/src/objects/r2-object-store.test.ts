import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasErrorCode } from '@umbra/core'
import type { ByteRange } from '@umbra/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import { MIN_PART_BYTES } from './part-plan.ts'
import type { FoundObject, ObjectStore } from './object-store.ts'
import { MULTIPART_THRESHOLD_BYTES } from './r2-object-store.ts'
import { collect, openStore } from './r2-store.fixture.ts'

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

const text = (value: string): Uint8Array => Buffer.from(value)

async function found(key: string, range?: ByteRange): Promise<FoundObject> {
  const object = await store.get(key, range && { range })
  if (object?.kind !== 'found') throw new Error(`there is no ${key}`)
  return object
}

async function read(key: string, range?: ByteRange): Promise<string> {
  return Buffer.from(await (await found(key, range)).bytes()).toString()
}

/** Counts what a race of writers came to. */
async function race(
  writers: readonly Promise<unknown>[],
): Promise<{ won: number; lost: number; other: unknown[] }> {
  const results = await Promise.allSettled(writers)
  const reasons = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  const isLost = (reason: unknown): boolean => hasErrorCode(reason, 'PRECONDITION_FAILED', 'CONFLICT')
  return {
    won: results.length - reasons.length,
    lost: reasons.filter(isLost).length,
    other: reasons.filter((reason) => !isLost(reason)),
  }
}

describe('reading and writing', () => {
  it('returns what was put, with its description', async () => {
    const { etag } = await store.put('basics/one.json', text('{"a":1}'), {
      contentType: 'application/json',
      metadata: { title: 'Grüße, 世界 🌍', id: 'x' },
    })
    const object = await found('basics/one.json')
    expect(object).toMatchObject({
      etag,
      size: 7,
      contentType: 'application/json',
      metadata: { title: 'Grüße, 世界 🌍', id: 'x' },
    })
    expect(Math.abs(object.lastModified.getTime() - Date.now())).toBeLessThan(60_000)
    expect(await collect(object.body)).toEqual([text('{"a":1}')])
    const head = await store.head('basics/one.json')
    expect(head).toMatchObject({
      etag,
      size: 7,
      metadata: object.metadata,
      lastModified: object.lastModified,
    })
    expect(etag).toMatch(/^[0-9a-f]{32}$/)
  })

  it('resolves to undefined for an absent key', async () => {
    expect(await store.get('basics/absent')).toBeUndefined()
    expect(await store.get('basics/absent', { ifNoneMatch: 'e' })).toBeUndefined()
    expect(await store.head('basics/absent')).toBeUndefined()
  })

  it('keeps an object of zero bytes', async () => {
    await store.put('basics/empty', new Uint8Array())
    expect(await store.head('basics/empty')).toMatchObject({ size: 0 })
    expect(await read('basics/empty')).toBe('')
    await store.put('basics/empty-stream', { size: 0, bytes: undefined, stream: () => collectNothing() })
    expect(await read('basics/empty-stream')).toBe('')
  })

  it('keeps percent-encoded keys apart from what they stand for', async () => {
    const keys = ['uni/%E4%B8%96.json', 'uni/a%20b@+=.json', 'uni/a%2520b.json', 'uni/%2E%2E']
    for (const key of keys) await store.put(key, text(key))
    for (const key of keys) expect(await read(key)).toBe(key)
    const listed = await collect(store.list('uni/'))
    expect(listed.map((object) => object.key)).toEqual([...keys].sort())
  })

  it('stores 3 MiB without waiting for a go-ahead that never comes', async () => {
    const started = performance.now()
    await store.put('basics/3mib', randomBytes(3 * 1024 ** 2))
    expect(performance.now() - started).toBeLessThan(3_000)
  })

  it('streams a body from a file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'umbra-test-'))
    try {
      const content = randomBytes(300_000)
      await writeFile(join(dir, 'body'), content)
      const stream = (range?: ByteRange) => createReadStream(join(dir, 'body'), range)
      await store.put('basics/file', { size: content.byteLength, bytes: undefined, stream })
      expect(Buffer.from(await (await found('basics/file')).bytes()).equals(content)).toBe(true)
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  it('lets a reader leave in the middle', async () => {
    await store.put('basics/long', randomBytes(1_000_000))
    for (let round = 0; round < 3; round++) {
      for await (const chunk of (await found('basics/long')).body) {
        expect(chunk.byteLength).toBeGreaterThan(0)
        break
      }
    }
    expect(await store.head('basics/long')).toMatchObject({ size: 1_000_000 })
  })
})

describe('conditions', () => {
  it('creates only what is not there', async () => {
    await store.put('cond/create', text('1'), { ifNoneMatch: '*' })
    await expect(store.put('cond/create', text('2'), { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { operation: 'put', key: 'cond/create', httpStatus: 412, outcome: 'not-applied' },
    })
    expect(await read('cond/create')).toBe('1')
  })

  it('replaces exactly the version named', async () => {
    const first = await store.put('cond/swap', text('1'))
    const second = await store.put('cond/swap', text('2'), { ifMatch: first.etag })
    await expect(store.put('cond/swap', text('3'), { ifMatch: first.etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    expect(await found('cond/swap')).toMatchObject({ etag: second.etag })
  })

  it('refuses to replace what is not there', async () => {
    await expect(store.put('cond/none', text('1'), { ifMatch: '0'.repeat(32) })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
  })

  it('answers not-modified to the current etag and sends the object otherwise', async () => {
    const { etag } = await store.put('cond/read', text('1'))
    expect(await store.get('cond/read', { ifNoneMatch: etag })).toEqual({ kind: 'not-modified' })
    expect(await store.get('cond/read', { ifNoneMatch: '0'.repeat(32) })).toMatchObject({
      kind: 'found',
      etag,
    })
  })

  it('refuses to read another version than the one named', async () => {
    const { etag } = await store.put('cond/pinned', text('1'))
    expect(await store.get('cond/pinned', { ifMatch: etag })).toMatchObject({ kind: 'found' })
    await expect(store.get('cond/pinned', { ifMatch: '0'.repeat(32) })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
  })

  it('lets one of 20 concurrent creators win', async () => {
    const writers = Array.from({ length: 20 }, (_, index) =>
      store.put('race/create', text(`${index}`), { ifNoneMatch: '*' }),
    )
    expect(await race(writers)).toEqual({ won: 1, lost: 19, other: [] })
  })

  it('lets one of 20 concurrent replacers win', async () => {
    const { etag } = await store.put('race/swap', text('start'))
    const writers = Array.from({ length: 20 }, (_, index) =>
      store.put('race/swap', text(`${index}`), { ifMatch: etag }),
    )
    expect(await race(writers)).toEqual({ won: 1, lost: 19, other: [] })
  })
})

describe('ranges', () => {
  it.each([
    [{ start: 0, end: 0 }, '0'],
    [{ start: 3, end: 5 }, '345'],
    [{ start: 7 }, '789'],
    [{ start: 8, end: 100 }, '89'],
  ])('reads %o and tells the size of the whole', async (range, expected) => {
    await store.put('range/ten', text('0123456789'))
    expect(await read('range/ten', range)).toBe(expected)
    expect(await found('range/ten', range)).toMatchObject({ size: 10 })
  })

  it('refuses a range behind the end', async () => {
    await store.put('range/ten', text('0123456789'))
    await expect(store.get('range/ten', { range: { start: 10 } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
  })
})

describe('listing and deleting', () => {
  const keys = Array.from({ length: 1_050 }, (_, index) => `list/many/${String(index).padStart(5, '0')}`)

  beforeAll(async () => {
    const queue = [...keys, 'list/manyother/1', 'list/one'].values()
    const worker = async () => {
      for (const key of queue) await store.put(key, text(key))
    }
    await Promise.all(Array.from({ length: 16 }, worker))
  })

  it('lists more than one page, in order, without the sibling folder', async () => {
    const objects = await collect(store.list('list/many/'))
    expect(objects.map((object) => object.key)).toEqual(keys)
    expect(objects[0]).toEqual({
      key: 'list/many/00000',
      etag: expect.stringMatching(/^[0-9a-f]{32}$/),
      size: 15,
      lastModified: expect.any(Date),
    })
  })

  it('lists a number of objects after a key', async () => {
    const objects = await collect(store.list('list/many/', { startAfter: 'list/many/00010', limit: 1_005 }))
    expect(objects.map((object) => object.key)).toEqual(keys.slice(11, 1_016))
    expect(await collect(store.list('list/many/', { limit: 0 }))).toEqual([])
  })

  it('lists nothing for an empty folder', async () => {
    expect(await collect(store.list('list/nothing/'))).toEqual([])
  })

  it('refuses a prefix that would include siblings unless that is asked for', async () => {
    for (const prefix of ['list/many', '']) {
      await expect(collect(store.list(prefix))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    }
    await expect(collect(store.listFolders('list'))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    expect(await collect(store.list('list/many', { partialPrefix: true }))).toHaveLength(1_051)
  })

  it('lists the folders of a folder', async () => {
    expect(await collect(store.listFolders('list/'))).toEqual(['list/many/', 'list/manyother/'])
  })

  it('deletes, also what is not there', async () => {
    await store.delete('list/one')
    await store.delete('list/one')
    expect(await store.head('list/one')).toBeUndefined()
  })

  it('deletes more keys than one request takes, absent ones included', async () => {
    const wanted = [...keys, 'list/many/absent']
    expect(await store.deleteMany(wanted)).toEqual({ deleted: wanted, failed: [] })
    expect(await collect(store.list('list/many/'))).toEqual([])
    expect(await store.deleteMany([])).toEqual({ deleted: [], failed: [] })
  })
})

describe('large bodies', () => {
  const size = 64 * 1024 ** 2 + 5
  const content = randomBytes(size)

  function largeBody(maxChunk = 1_000_000) {
    return {
      size,
      bytes: undefined,
      async *stream(range: ByteRange = { start: 0 }) {
        const end = (range.end ?? size - 1) + 1
        for (let at = range.start; at < end; at += maxChunk)
          yield content.subarray(at, Math.min(end, at + maxChunk))
      },
    }
  }

  it('travel in equal parts, at most three at a time, and arrive whole', async () => {
    const opened = openStore(local.settings)
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
    try {
      const { etag } = await opened.store.put('large/stream', largeBody(), {
        contentType: 'application/parquet',
        metadata: { name: 'größe' },
      })
      expect([...lengths].sort(([a], [b]) => a - b)).toEqual([
        ...Array.from({ length: 8 }, (_, index) => [index + 1, MIN_PART_BYTES]),
        [9, 5],
      ])
      expect(mostInFlight).toBe(3)
      const object = await found('large/stream')
      expect(object).toMatchObject({
        etag,
        size,
        contentType: 'application/parquet',
        metadata: { name: 'größe' },
      })
      expect(content.equals(await object.bytes())).toBe(true)
    } finally {
      opened.close()
    }
  })

  it('may be given as bytes', async () => {
    const bytes = content.subarray(0, MULTIPART_THRESHOLD_BYTES + 1)
    await store.put('large/bytes', bytes)
    expect(bytes.equals(await (await found('large/bytes')).bytes())).toBe(true)
  })

  it('do not replace an existing object when they may only create', async () => {
    await store.put('large/taken', text('small'))
    await expect(store.put('large/taken', largeBody(), { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { outcome: 'not-applied' },
    })
    expect(await read('large/taken')).toBe('small')
  })

  it('cannot replace a given version', async () => {
    await expect(store.put('large/swap', largeBody(), { ifMatch: 'e' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    })
  })
})

async function* collectNothing(): AsyncGenerator<Uint8Array> {}
