import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasErrorCode } from '@umbra/core'
import type { ByteRange, FoundObject, ObjectStore } from '@umbra/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLocalR2 } from '../local/start-local-r2.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
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

async function* collectNothing(): AsyncGenerator<Uint8Array> {}
