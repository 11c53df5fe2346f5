import { describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../objects/object-store.ts'
import { simulate } from './simulate.ts'
import type { SimulationResult } from './simulate.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { PlannedFault, StoreRules } from './simulation-plan.ts'
import { DEFAULT_STORE_RULES } from './simulation-plan.ts'
import type { FaultKind } from './store-fault.ts'

type Act = (process: SimulatedProcess) => Promise<unknown>

const one = new TextEncoder().encode('one')
const two = new TextEncoder().encode('two')
const NO_LIMIT = { ...DEFAULT_STORE_RULES, oneWritePerSecond: false }

interface Scene {
  readonly acts: readonly Act[]
  readonly fault?: Partial<PlannedFault> & { readonly kind: FaultKind }
  readonly store?: Partial<StoreRules>
  readonly seed?: number
}

/** The acts of one process, one after the other; the fault befalls a request of the last one. */
function play({ acts, fault, store, seed = 1 }: Scene): Promise<SimulationResult<Act>> {
  const faults = fault === undefined ? [] : [{ nth: 1, on: '', delayMs: 0, ...fault }]
  const operations = acts.map((operation, index) => ({
    operation,
    start: 'turn' as const,
    pauseMs: 0,
    faults: index === acts.length - 1 ? faults : [],
    crash: undefined,
  }))
  return simulate(
    {
      seed,
      store: { ...NO_LIMIT, ...store },
      processes: [{ skewMs: 0, clockJumps: [], operations }],
      crashes: [],
    },
    { system: { start: (process) => ({ perform: (act) => act(process) }) }, describe: () => 'acts' },
  )
}

/** What the last act was told. */
function lastError({ operations }: SimulationResult<Act>): unknown {
  return operations.at(-1)?.error
}

function contents({ store }: SimulationResult<Act>, key: string): readonly string[] {
  return store
    .history(key)
    .map(({ kind, bytes }) => (kind === 'deleted' ? '-' : new TextDecoder().decode(bytes)))
}

const put =
  (key: string, bytes: Uint8Array, options: Parameters<ObjectStore['put']>[2] = {}): Act =>
  ({ objects }) =>
    objects.put(key, bytes, options)

const remove =
  (...keys: readonly string[]): Act =>
  ({ objects }) =>
    objects.deleteMany(keys)

/** Every fault of a write: what its caller is told, and what is stored in the end. */
const WRITE_FAULTS = [
  ['lost-request', 'TIMEOUT', 'unknown', []],
  ['network-down', 'TIMEOUT', 'unknown', []],
  ['lost-answer', 'TIMEOUT', 'unknown', ['one']],
  ['late-request', 'TIMEOUT', 'unknown', ['one']],
  ['late-answer', 'TIMEOUT', 'unknown', ['one']],
  ['conflict', 'CONFLICT', 'not-applied', []],
  ['rate-limited', 'RATE_LIMITED', 'unknown', []],
  ['error-before-effect', 'UNAVAILABLE', 'unknown', []],
  ['error-after-effect', 'UNAVAILABLE', 'unknown', ['one']],
  ['credentials-refused', 'FORBIDDEN', 'not-applied', []],
] as const

describe('a fault', () => {
  it.each(WRITE_FAULTS)('%s tells the writer %s, %s, and leaves %j', async (kind, code, outcome, stored) => {
    const result = await play({ acts: [put('k', one)], fault: { kind, delayMs: 20_000 } })
    expect(lastError(result)).toMatchObject({ code, details: { operation: 'put', key: 'k', outcome } })
    expect(contents(result, 'k')).toEqual(stored)
  })

  it('late-request takes effect after what came later, where its condition allows', async () => {
    const blind = await play({
      acts: [
        async ({ objects }) => {
          await Promise.allSettled([objects.put('k', one), objects.put('k', two)])
        },
      ],
      fault: { kind: 'late-request', delayMs: 30_000 },
    })
    expect(contents(blind, 'k')).toEqual(['two', 'one'])
    const careful = await play({
      acts: [
        async ({ objects }) => {
          await Promise.allSettled([objects.put('k', one, { ifNoneMatch: '*' }), objects.put('k', two)])
        },
      ],
      fault: { kind: 'late-request', delayMs: 30_000 },
    })
    expect(contents(careful, 'k')).toEqual(['two'])
  })

  it('duplicated-request arrives twice, and its condition is judged twice', async () => {
    const acts = [put('k', one)]
    const fault = { kind: 'duplicated-request', delayMs: 5_000 } as const
    expect(contents(await play({ acts, fault }), 'k')).toEqual(['one', 'one'])
    const created = await play({ acts: [put('k', one, { ifNoneMatch: '*' })], fault })
    expect(contents(created, 'k')).toEqual(['one'])
    expect(lastError(created)).toBeUndefined()
  })

  it.each([
    ['credentials-refused', 'FORBIDDEN'],
    ['network-down', 'TIMEOUT'],
  ] as const)('%s lasts, and ends', async (kind, code) => {
    const codes: unknown[] = []
    const keepTrying: Act = async ({ objects, clock }) => {
      for (let attempt = 0; attempt < 10; attempt++) {
        codes.push(
          await objects.get('k').then(
            () => 'fine',
            (error: { code: string }) => error.code,
          ),
        )
        await clock.sleep(10_000)
      }
    }
    await play({ acts: [keepTrying], fault: { kind, nth: 2, delayMs: 35_000 } })
    expect(codes.slice(0, 2)).toEqual(['fine', code])
    expect(codes.filter((one) => one === code).length).toBeGreaterThan(1)
    expect(codes.at(-1)).toBe('fine')
  })

  it('truncated-body breaks the body, never shortens it', async () => {
    const read: Act = async ({ objects }) => {
      const found = await objects.get('k')
      if (found?.kind !== 'found') throw new Error('absent')
      expect(found.size).toBe(3)
      await found.bytes()
    }
    const result = await play({ acts: [put('k', one), read], fault: { kind: 'truncated-body' } })
    expect(lastError(result)).toMatchObject({ code: 'UNAVAILABLE', details: { operation: 'get' } })
  })

  it('partial-delete refuses keys one by one', async () => {
    const outcomes: unknown[] = []
    const acts = [
      put('a', one),
      put('b', one),
      async (process: SimulatedProcess) => {
        outcomes.push(await remove('a', 'b')(process))
      },
    ]
    const result = await play({ acts, fault: { kind: 'partial-delete' } })
    expect(outcomes).toMatchObject([{ deleted: ['b'], failed: [{ key: 'a', code: 'InternalError' }] }])
    expect([contents(result, 'a'), contents(result, 'b')]).toEqual([['one'], ['one', '-']])
  })

  it('ignored-delete says that it was done, and delayed-delete does it over whatever came since', async () => {
    const acts = [put('k', one), remove('k')]
    expect(contents(await play({ acts, fault: { kind: 'ignored-delete' } }), 'k')).toEqual(['one'])
    const again: Act = async ({ objects }) => {
      await objects.delete('k')
      await objects.put('k', two)
    }
    const delayed = await play({
      acts: [put('k', one), again],
      fault: { kind: 'delayed-delete', delayMs: 30_000 },
    })
    expect(contents(delayed, 'k')).toEqual(['one', 'two', '-'])
  })

  it('befalls the n-th request whose key it is aimed at', async () => {
    const both: Act = async ({ objects }) => {
      for (const key of ['a/1', 'b/1', 'a/2', 'b/2']) await objects.put(key, one).catch(() => undefined)
    }
    const result = await play({ acts: [both], fault: { kind: 'lost-request', nth: 2, on: 'b/' } })
    expect(result.store.keys()).toEqual(['a/1', 'b/1', 'a/2'])
  })
})

describe('the simulated store', () => {
  it('judges conditions, and names versions by the MD5 of their bytes', async () => {
    const seen: unknown[] = []
    const race: Act = async ({ objects }) => {
      const { etag } = await objects.put('k', one, { ifNoneMatch: '*' })
      seen.push(etag)
      await objects.put('k', two, { ifMatch: etag })
      await objects.put('k', one, { ifMatch: etag })
    }
    const result = await play({ acts: [race] })
    expect(seen).toEqual(['f97c5d29941bfb1b2fdab0874906ab82'])
    expect(contents(result, 'k')).toEqual(['one', 'two'])
    expect(lastError(result)).toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { outcome: 'not-applied' },
    })
  })

  it.each([404, 412] as const)(
    'answers %s to If-Match on nothing, which is a lost race',
    async (ifMatchOnAbsent) => {
      const result = await play({ acts: [put('k', one, { ifMatch: 'x' })], store: { ifMatchOnAbsent } })
      expect(lastError(result)).toMatchObject({
        code: 'PRECONDITION_FAILED',
        details: { outcome: 'not-applied' },
      })
      expect(result.story.some(({ text }) => text.endsWith(`answers ${ifMatchOnAbsent}`))).toBe(true)
    },
  )

  it('takes two spellings of a key for one, or not', async () => {
    const acts = [put('f/\u{eb}', one), put('f/e\u{308}', two, { ifNoneMatch: '*' })]
    const folded = await play({ acts })
    expect(lastError(folded)).toMatchObject({ code: 'PRECONDITION_FAILED' })
    const apart = await play({ acts, store: { foldsUnicode: false } })
    expect(apart.store.keys()).toHaveLength(2)
  })

  it('takes everything when it ignores conditions', async () => {
    const acts = [put('k', one), put('k', two, { ifMatch: 'x' }), put('k', one, { ifNoneMatch: '*' })]
    expect(contents(await play({ acts, store: { ignoreConditions: true } }), 'k')).toEqual([
      'one',
      'two',
      'one',
    ])
  })

  it('takes one write per key and second', async () => {
    const statuses: unknown[] = []
    const hurry: Act = async ({ objects, clock }) => {
      for (const key of ['k', 'k', 'l']) {
        statuses.push(
          await objects.put(key, one).then(
            () => 200,
            (error: { code: string }) => error.code,
          ),
        )
      }
      await clock.sleep(1_000)
      await objects.put('k', two)
    }
    const result = await play({ acts: [hurry], store: { oneWritePerSecond: true }, seed: 12 })
    expect(statuses).toEqual([200, 'RATE_LIMITED', 200])
    expect(contents(result, 'k')).toEqual(['one', 'two'])
  })

  it('reads what it has: whole, in part, not again, or nothing', async () => {
    const seen: unknown[] = []
    const read: Act = async ({ objects }) => {
      const { etag } = await objects.put('k', one, { metadata: { a: 'ü' }, contentType: 'text/plain' })
      seen.push(
        await objects.get('k', { ifNoneMatch: etag }),
        await objects.get('absent'),
        await objects.head('k'),
      )
      const part = await objects.get('k', { range: { start: 1 } })
      if (part?.kind === 'found') seen.push(part.size, new TextDecoder().decode(await part.bytes()))
      await objects.get('k', { ifMatch: 'other' })
    }
    const result = await play({ acts: [read] })
    const second = new Date('2026-01-01T00:00:00Z')
    expect(seen).toMatchObject([
      { kind: 'not-modified' },
      undefined,
      { size: 3, metadata: { a: 'ü' }, contentType: 'text/plain', lastModified: second },
      3,
      'ne',
    ])
    expect(lastError(result)).toMatchObject({ code: 'PRECONDITION_FAILED', details: { operation: 'get' } })
  })

  it('knows the time to the second, and tells it or not', async () => {
    const dates: (Date | undefined)[] = []
    const look: Act = async ({ objects, clock }) => {
      await clock.sleep(61_500)
      await objects.put('k', one)
      const head = await objects.head('k')
      dates.push(head?.lastModified, head?.serverDate)
    }
    await play({ acts: [look], seed: 5 })
    await play({ acts: [look], seed: 5, store: { serverDate: false } })
    expect(dates.map((date) => date?.getTime()).map((ms) => ms === undefined || ms % 1_000 === 0)).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(dates[0]?.getTime()).toBeGreaterThanOrEqual(Date.parse('2026-01-01T00:01:01Z'))
    expect(dates[3]).toBeUndefined()
  })

  it('lists page by page, with writes in between', async () => {
    const listed: string[] = []
    const list: Act = async ({ objects }) => {
      for (const key of ['f/a', 'f/c', 'f/e']) await objects.put(key, one)
      for await (const { key } of objects.list('f/')) {
        listed.push(key)
        if (key === 'f/a') {
          await objects.put('f/b', one)
          await objects.delete('f/e')
          await objects.put('f/d', one)
        }
      }
    }
    await play({ acts: [list], store: { pageSize: 1 } })
    expect(listed).toEqual(['f/a', 'f/b', 'f/c', 'f/d'])
  })

  it.each([1, 2, 1_000])('lists folders and limits alike with pages of %s', async (pageSize) => {
    const seen: unknown[] = []
    const list: Act = async ({ objects }) => {
      for (const key of ['f/a/1', 'f/a/2', 'f/b', 'f/c/1', 'g/d/1', 'f/ｚ', 'f/😀'])
        await objects.put(key, one)
      const folders: string[] = []
      for await (const folder of objects.listFolders('f/')) folders.push(folder)
      const some: string[] = []
      for await (const { key } of objects.list('f/', { limit: 3, startAfter: 'f/a/1' })) some.push(key)
      const all: string[] = []
      for await (const { key } of objects.list('f/')) all.push(key)
      seen.push(folders, some, all.at(-1))
    }
    await play({ acts: [list], store: { pageSize } })
    expect(seen).toEqual([['f/a/', 'f/c/'], ['f/a/2', 'f/b', 'f/c/1'], 'f/😀'])
  })

  it('remembers every version and whose it is', async () => {
    const { store } = await play({ acts: [put('k', one), remove('k'), put('k', two)] })
    expect(
      store.history('k').map(({ number, kind, by }) => [number, kind, by.process, by.operations]),
    ).toEqual([
      [1, 'object', 'p1', ['p1.1']],
      [2, 'deleted', 'p1', ['p1.2']],
      [3, 'object', 'p1', ['p1.3']],
    ])
  })

  it('stops waiting when the caller does, and the request goes on', async () => {
    const impatient: Act = async ({ objects }) => {
      const patience = new AbortController()
      const writing = objects.put('k', one, { signal: patience.signal })
      patience.abort()
      await writing
    }
    const result = await play({ acts: [impatient] })
    expect(lastError(result)).toMatchObject({ code: 'TIMEOUT', details: { outcome: 'unknown' } })
    expect(contents(result, 'k')).toEqual(['one'])
  })
})
