import { createHash, randomBytes } from 'node:crypto'
import type { ObjectStore } from '@umbra/core'
import { startFaultProxy } from '@umbra/core/testing'
import type { AppliedRequest, FaultProxy, FaultRule } from '@umbra/core/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startLocalR2 } from './local/start-local-r2.ts'
import type { LocalR2 } from './local/start-local-r2.ts'
import { collect, openStore } from './objects/r2-store.fixture.ts'

let server: LocalR2
beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(() => server.close())

interface Disturbed {
  readonly proxy: FaultProxy
  /** Through the proxy. */
  readonly store: ObjectStore
  /** The same bucket, undisturbed. */
  readonly direct: ObjectStore
}

interface Disturbance {
  readonly faults?: readonly FaultRule[]
  readonly requestTimeoutMs?: number
  readonly applied?: AppliedRequest[]
}

async function disturb({ faults = [], requestTimeoutMs, applied }: Disturbance): Promise<Disturbed> {
  const proxy = await startFaultProxy({
    target: server.endpoint,
    seed: 1,
    faults,
    ...(applied && {
      observer: {
        onApplied: (request) => void applied.push(request),
        keepsBody: ({ key }) => key.startsWith('kept/'),
      },
    }),
  })
  const { store, close } = openStore({
    ...server.settings,
    endpoint: proxy.endpoint,
    ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
  })
  const undisturbed = openStore(server.settings)
  onTestFinished(async () => {
    close()
    undisturbed.close()
    await proxy.close()
  })
  return { proxy, store, direct: undisturbed.store }
}

let keys = 0
const freshKey = (): string => `faults/${keys++}`

async function textAt(store: ObjectStore, key: string): Promise<string | undefined> {
  const found = await store.get(key)
  return found?.kind === 'found' ? Buffer.from(await found.bytes()).toString() : undefined
}

const once = (fault: FaultRule['fault'], method = 'PUT'): readonly FaultRule[] => [
  { fault, methods: [method], times: 1 },
]

describe('the fault proxy, undisturbed', () => {
  it('passes on requests and answers as they are, signatures and strange keys included', async () => {
    const { store, proxy } = await disturb({})
    const bytes = randomBytes(3_000_000)
    const folder = `${freshKey()}/a b+c%25ü~(1)'/`
    const key = `${folder}d e`
    await store.put(key, bytes, { metadata: { word: 'ü' }, contentType: 'x/y' })
    const found = await store.get(key)
    expect(found).toMatchObject({ size: 3_000_000, metadata: { word: 'ü' }, contentType: 'x/y' })
    const received = found?.kind === 'found' ? await found.bytes() : Buffer.alloc(0)
    expect(createHash('md5').update(received).digest('hex')).toBe(found?.kind === 'found' ? found.etag : '')
    expect((await collect(store.list(folder))).map((object) => object.key)).toEqual([key])
    await store.deleteMany([key])
    expect(await store.head(key)).toBeUndefined()
    expect(new Set(Object.values(proxy.counts()))).toEqual(new Set([0]))
  })

  it('sends on a large body in parts', async () => {
    const { store } = await disturb({})
    const key = freshKey()
    await store.put(key, Buffer.alloc(33 * 1024 ** 2))
    expect(await store.head(key)).toMatchObject({ size: 33 * 1024 ** 2 })
  })

  it('tells its observer every write the store acknowledged, with the bodies it asked for', async () => {
    const applied: AppliedRequest[] = []
    const { store } = await disturb({ applied, faults: once({ kind: 'cut-before-answer' }) })
    const [first, second] = [`kept/${freshKey()}`, freshKey()]
    await expect(store.put(first, Buffer.from('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await store.put(second, Buffer.from('y'))
    await expect(store.put(second, Buffer.from('z'), { ifNoneMatch: '*' })).rejects.toThrow('another version')
    expect(applied.map(({ key, body }) => [key, Buffer.from(body).toString()])).toEqual([
      [first, 'x'],
      [second, ''],
    ])
  })

  it('meets requests that break off with nothing applied', async () => {
    const { store, direct, proxy } = await disturb({})
    const key = freshKey()
    const abort = new AbortController()
    async function* half(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1_000)
      abort.abort()
    }
    const put = store.put(key, { size: 2_000, bytes: undefined, stream: half }, { signal: abort.signal })
    await expect(put).rejects.toMatchObject({ details: { outcome: 'unknown' } })
    await proxy.settleLate()
    expect(await direct.head(key)).toBeUndefined()
  })
})

describe('a fault before the store sees the request', () => {
  it.each([
    {
      fault: { kind: 'error-before' },
      expected: { code: 'UNAVAILABLE', details: { httpStatus: 503, outcome: 'unknown' } },
    },
    {
      fault: { kind: 'error-before', status: 500, code: 'InternalError' },
      expected: { code: 'UNAVAILABLE', details: { s3Code: 'InternalError', outcome: 'unknown' } },
    },
    {
      fault: { kind: 'refused-credentials' },
      expected: { code: 'UNAUTHENTICATED', details: { httpStatus: 403, outcome: 'not-applied' } },
    },
    {
      fault: { kind: 'refused-credentials', code: 'AccessDenied' },
      expected: { code: 'FORBIDDEN', details: { httpStatus: 403, outcome: 'not-applied' } },
    },
    {
      fault: { kind: 'cut-before-body' },
      expected: { code: 'UNAVAILABLE', details: { systemCode: 'ECONNRESET', outcome: 'unknown' } },
    },
  ] as const)('$fault.kind $fault.code shows as $expected.code', async ({ fault, expected }) => {
    const { store, direct, proxy } = await disturb({ faults: once(fault) })
    const key = freshKey()
    await expect(store.put(key, Buffer.from('x'))).rejects.toMatchObject(expected)
    expect(await direct.head(key)).toBeUndefined()
    expect(proxy.counts()[fault.kind]).toBe(1)
    await store.put(key, Buffer.from('y'))
    expect(await textAt(direct, key)).toBe('y')
  })

  it('rate-limit shows as RATE_LIMITED, for each key on its own, and ends by itself', async () => {
    const { store, direct, proxy } = await disturb({
      faults: [{ fault: { kind: 'rate-limit', intervalMs: 60_000 } }],
    })
    const [first, second] = [freshKey(), freshKey()]
    await store.put(first, Buffer.from('x'))
    await expect(store.put(first, Buffer.from('y'))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { httpStatus: 429, s3Code: 'TooManyRequests', outcome: 'unknown' },
    })
    await store.put(second, Buffer.from('z'))
    expect(await textAt(direct, first)).toBe('x')
    expect(proxy.counts()['rate-limit']).toBe(1)
  })

  it('down refuses connections until it is up again, also on connections that were open', async () => {
    const { store, proxy } = await disturb({})
    const key = freshKey()
    await store.put(key, Buffer.from('x'))
    await proxy.down()
    await expect(store.put(key, Buffer.from('y'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { outcome: 'unknown' },
    })
    await expect(store.get(key)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { systemCode: 'ECONNREFUSED' },
    })
    await proxy.up()
    expect(await textAt(store, key)).toBe('x')
    expect(proxy.counts().down).toBe(1)
  })
})

describe('a fault after the store has applied the request', () => {
  it.each([
    {
      fault: { kind: 'error-after' },
      expected: { code: 'UNAVAILABLE', details: { httpStatus: 500, outcome: 'unknown' } },
    },
    {
      fault: { kind: 'cut-before-answer' },
      expected: { code: 'UNAVAILABLE', details: { systemCode: 'ECONNRESET', outcome: 'unknown' } },
    },
    {
      fault: { kind: 'held-answer' },
      expected: { code: 'TIMEOUT', details: { outcome: 'unknown' } },
    },
  ] as const)('$fault.kind shows as $expected.code', async ({ fault, expected }) => {
    const { store, direct, proxy } = await disturb({ faults: once(fault), requestTimeoutMs: 200 })
    const key = freshKey()
    await expect(store.put(key, Buffer.from('x'))).rejects.toMatchObject(expected)
    expect(await textAt(direct, key)).toBe('x')
    expect(proxy.counts()[fault.kind]).toBe(1)
  })

  it('duplicate lets a creation find its own object: refused, though it is there', async () => {
    const { store, direct, proxy } = await disturb({ faults: once({ kind: 'duplicate' }) })
    const key = freshKey()
    await expect(store.put(key, Buffer.from('x'), { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { outcome: 'not-applied' },
    })
    expect(await textAt(direct, key)).toBe('x')
    expect(proxy.counts().duplicate).toBe(1)
  })

  it('duplicate of which the first answer arrives goes unnoticed', async () => {
    const applied: AppliedRequest[] = []
    const { store, proxy } = await disturb({ applied, faults: once({ kind: 'duplicate', answer: 'first' }) })
    await store.put(freshKey(), Buffer.from('x'))
    await proxy.settleLate()
    expect(applied).toHaveLength(2)
  })
})

describe('a fault of order', () => {
  it('late-apply shows as UNAVAILABLE, and the request lands after a later one was answered', async () => {
    const { store, direct, proxy } = await disturb({ faults: once({ kind: 'late-apply' }) })
    const [late, other] = [freshKey(), freshKey()]
    await expect(store.put(late, Buffer.from('late'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { outcome: 'unknown' },
    })
    expect(await direct.head(late)).toBeUndefined()
    await store.put(other, Buffer.from('other'))
    await proxy.settleLate()
    expect(await textAt(direct, late)).toBe('late')
    expect(proxy.counts()['late-apply']).toBe(1)
  })

  it('late-apply is refused when its condition no longer holds by then', async () => {
    const { store, direct, proxy } = await disturb({
      faults: [{ fault: { kind: 'late-apply' }, methods: ['PUT'], nth: 2, times: 1 }],
    })
    const key = freshKey()
    const { etag } = await store.put(key, Buffer.from('one'))
    await expect(store.put(key, Buffer.from('late'), { ifMatch: etag })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    await store.put(key, Buffer.from('three'), { ifMatch: etag })
    await proxy.settleLate()
    expect(await textAt(direct, key)).toBe('three')
  })

  it('late-apply with a client that waits lets a later request overtake', async () => {
    const applied: AppliedRequest[] = []
    const faults = once({ kind: 'late-apply', client: 'waits' })
    const { store, proxy } = await disturb({ applied, faults })
    const [late, other] = [freshKey(), freshKey()]
    const waiting = store.put(late, Buffer.from('late'))
    await expect.poll(() => proxy.counts()['late-apply']).toBe(1)
    await store.put(other, Buffer.from('other'))
    await waiting
    expect(applied.map(({ key }) => key)).toEqual([other, late])
  })

  it('held-answer comes after a later one', async () => {
    const { store, proxy } = await disturb({ faults: once({ kind: 'held-answer' }) })
    const order: string[] = []
    const held = store.put(freshKey(), Buffer.from('x')).then(() => order.push('held'))
    await expect.poll(() => proxy.counts()['held-answer']).toBe(1)
    await store.put(freshKey(), Buffer.from('y')).then(() => order.push('later'))
    await held
    expect(order).toEqual(['later', 'held'])
  })
})

describe('a fault of pace', () => {
  it('latency shows as TIMEOUT when it exceeds the patience, and the request still arrives', async () => {
    const faults = once({ kind: 'latency', minMs: 400, maxMs: 400 })
    const { store, direct, proxy } = await disturb({ faults, requestTimeoutMs: 100 })
    const key = freshKey()
    await expect(store.put(key, Buffer.from('x'))).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { outcome: 'unknown' },
    })
    await proxy.settleLate()
    expect(await textAt(direct, key)).toBe('x')
    expect(proxy.counts().latency).toBe(1)
  })

  it('slow-request shows as TIMEOUT below the slowest uplink, with nothing applied', async () => {
    const faults = once({ kind: 'slow-request', bytesPerSecond: 10_000 })
    const { store, direct, proxy } = await disturb({ faults, requestTimeoutMs: 200 })
    const key = freshKey()
    await expect(store.put(key, randomBytes(8_000))).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { outcome: 'unknown' },
    })
    await proxy.settleLate()
    expect(await direct.head(key)).toBeUndefined()
    expect(proxy.counts()['slow-request']).toBe(1)
  })

  it('slow-request above it succeeds', async () => {
    const faults = once({ kind: 'slow-request', bytesPerSecond: 1_000_000 })
    const { store, direct, proxy } = await disturb({ faults })
    const key = freshKey()
    const { etag } = await store.put(key, randomBytes(100_000))
    expect(await direct.head(key)).toMatchObject({ size: 100_000, etag })
    expect(proxy.counts()['slow-request']).toBe(1)
  })

  it('slow-answer shows as TIMEOUT only when nothing comes for too long', async () => {
    const key = freshKey()
    const steady = await disturb({ faults: once({ kind: 'slow-answer', bytesPerSecond: 50 }, 'GET') })
    await steady.store.put(key, Buffer.from('0123456789'))
    expect(await textAt(steady.store, key)).toBe('0123456789')
    expect(steady.proxy.counts()['slow-answer']).toBe(1)

    const faults = once({ kind: 'slow-answer', bytesPerSecond: 1 }, 'GET')
    const stalled = await disturb({ faults, requestTimeoutMs: 200 })
    await expect(textAt(stalled.store, key)).rejects.toMatchObject({
      code: 'TIMEOUT',
      details: { operation: 'get' },
    })
  })

  it('cut-in-answer shows as UNAVAILABLE while the body is read, and passes answers without one', async () => {
    const { store, proxy } = await disturb({ faults: [{ fault: { kind: 'cut-in-answer' }, times: 2 }] })
    const key = freshKey()
    await store.put(key, randomBytes(100_000))
    const found = await store.get(key)
    expect(found).toMatchObject({ kind: 'found', size: 100_000 })
    await expect(found?.kind === 'found' && found.bytes()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(proxy.counts()['cut-in-answer']).toBe(1)
  })
})
