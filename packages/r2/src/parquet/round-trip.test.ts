import { deepStrictEqual } from 'node:assert'
import { stat } from 'node:fs/promises'
import { hasErrorCode } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { collect, useCodec } from './parquet.fixture.ts'

const { codec, path, roundTrip } = useCodec()

const nest = (levels: number): unknown => (levels === 0 ? 'bottom' : { deeper: nest(levels - 1) })
const nestList = (levels: number): unknown => (levels === 0 ? 1 : [nestList(levels - 1)])
const ownProto = (json: string): unknown => JSON.parse(json)

const EXACT: readonly (readonly [name: string, rows: readonly unknown[]])[] = [
  ['no rows', []],
  ['rows without keys', [{}, {}]],
  ['safe integers', [{ a: 0 }, { a: Number.MAX_SAFE_INTEGER }, { a: Number.MIN_SAFE_INTEGER }]],
  ['an integer beyond 2^53', [{ a: 1 }, { a: 2 ** 60 }]],
  ['a fraction after many integers', [...Array.from({ length: 5000 }, (_, a) => ({ a })), { a: 1.5 }]],
  ['extreme doubles', [{ a: 5e-324 }, { a: Number.MAX_VALUE }, { a: -0.1 }, { a: 1e21 }]],
  [
    'NaN, infinities and -0 among numbers',
    [{ a: NaN }, { a: Infinity }, { a: -Infinity }, { a: -0 }, { a: 0 }],
  ],
  ['-0 alone', [{ a: -0 }]],
  ['booleans and nulls', [{ a: true }, { a: null }, { a: false }]],
  [
    'strings that begin with a byte order mark',
    [{ a: '\ufeffx', b: 'x' }, { a: 'x', b: '\ufeff' }, { a: null }],
  ],
  [
    'a byte order mark within objects and arrays',
    [{ a: { b: '\ufeffx' }, c: ['\ufeff', 'y'] }, { a: { b: 'y' } }],
  ],
  ['only nulls', [{ a: null }, { a: null }]],
  ['only absent keys after the first row', [{ a: 1 }, {}, {}]],
  ['null against an absent key', [{ a: null }, {}, { a: 1 }, { b: null }]],
  ['a key that appears late', [...Array.from({ length: 3000 }, (_, a) => ({ a })), { a: 1, late: 'x' }]],
  [
    'a column of every kind',
    [{ a: 'x' }, { a: 5 }, { a: 0.1 }, { a: true }, { a: [1] }, { a: { b: null } }, { a: null }, {}],
  ],
  ['a kind that appears late', [...Array.from({ length: 3000 }, (_, a) => ({ a })), { a: 'text' }]],
  [
    'strings that look like JSON in a mixed column',
    [{ a: '{"b":1}' }, { a: 'null' }, { a: 'true' }, { a: 1 }],
  ],
  [
    'strings that look like something else',
    [{ a: '2025-01-02' }, { a: '12:30:00' }, { a: '001' }, { a: '1e5' }, { a: 'true' }],
  ],
  ['an ISO timestamp as text', [{ a: '2025-01-02T03:04:05.678Z' }]],
  ['a UUID in upper case', [{ a: 'A7980651-8AE9-4B82-AED1-23F635627003' }]],
  [
    'odd characters',
    [{ a: '\0' }, { a: 'a\0b' }, { a: '😀' }, { a: '\u2028\u2029' }, { a: '"\'\\\n\r\t' }, { a: '' }],
  ],
  ['odd characters in nested text', [{ a: { t: 'a\0b😀\u2028"\'\\\n' } }, { a: { t: '' } }]],
  ['a string of 20 million characters', [{ a: 'é'.repeat(20_000_000) }]],
  [
    'dates to both ends of time',
    [{ a: new Date(0) }, { a: new Date(8.64e15) }, { a: new Date(-8.64e15) }, { a: null }, {}],
  ],
  ['keys that differ only in case', [{ a: 1, A: 'x' }, { A: 'y' }, { a: 2 }]],
  ['case twins that are named like substitutes', [{ a: 1, A: 2, column_1: 3, COLUMN_1: 4 }]],
  ['an empty key', [{ '': 1 }, { '': 2 }]],
  ['odd keys', [{ 'a.b': 1, 'say "hi"': 2, "it's": 3, 'new\nline': 4, 'nul\0': 5, ' ': 6, $1: 7, 日本: 8 }]],
  ['keys of Object.prototype', [{ constructor: 1, toString: 'x', hasOwnProperty: true, valueOf: null }]],
  ['a long key', [{ ['k'.repeat(5000)]: 1 }]],
  ['an own __proto__ key', [ownProto('{"__proto__":1}'), ownProto('{"__proto__":{"polluted":true}}')]],
  ['a nested __proto__ key', [ownProto('{"a":{"__proto__":{"polluted":true}}}')]],
  ['keys like integers', [{ 10: 'x', 2: 'y', b: 1 }]],
  ['300 keys', [Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n]))]],
  ['300 different keys, one per row', Array.from({ length: 300 }, (_, n) => ({ [`k${n}`]: n }))],
  ['an empty object in all rows', [{ a: {} }, { a: {} }]],
  ['an empty array in all rows', [{ a: [] }, { a: [] }]],
  ['an empty array in some rows', [{ a: [] }, { a: [1, null, 2.5] }, { a: null }]],
  [
    'uniform objects',
    [
      { a: { b: 1, c: { d: 'x' } } },
      { a: { b: null, c: { d: null } } },
      { a: { b: 1.5, c: null } },
      { a: null },
    ],
  ],
  ['uniform objects with the keys in another order', [{ a: { b: 1, c: 2 } }, { a: { c: 3, b: 4 } }]],
  ['lists of uniform objects', [{ a: [{ b: 1 }, { b: null }, null] }, { a: [] }]],
  ['objects with a key that is sometimes absent', [{ a: { b: 1 } }, { a: { b: null, c: 1 } }, { a: {} }]],
  ['objects with case twins', [{ a: { k: 1, K: 2 } }]],
  ['objects with odd keys', [{ a: { '': 1, 'x.y': 2, '"': 3, '\0': 4 } }]],
  ['objects with 300 keys', [{ a: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n])) }]],
  ['lists of mixed values', [{ a: [1, 'x', null, true, [], {}, 0.1, 1e300] }]],
  ['lists that differ in type between rows', [{ a: [1] }, { a: ['x'] }]],
  ['30 levels of objects', [{ a: nest(30) }, { a: nest(30) }]],
  ['30 levels of arrays', [{ a: nestList(30) }]],
  ['6 levels of arrays', [{ a: nestList(6) }]],
  ['200 levels', [{ a: nest(200) }]],
  ['2,000 keys', [Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`k${n}`, `v${n}`]))]],
  ['an object without a prototype', [Object.assign(Object.create(null), { a: 1 })]],
]

describe('rows come back exactly', () => {
  it.each(EXACT)('%s', async (_, rows) => {
    const expected = rows.map((row) => (Object.getPrototypeOf(row) === null ? Object.assign({}, row) : row))
    deepStrictEqual(await roundTrip(rows), expected)
  })

  it('does not pollute any prototype', async () => {
    await roundTrip([ownProto('{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}}}')])
    expect('polluted' in {}).toBe(false)
  })

  it('keeps the values a row had when it was yielded, though the caller reuses its objects', async () => {
    function* reusing(): Generator {
      const row = { n: 0, at: new Date(0), tags: ['x'] }
      for (let n = 0; n < 3000; n++) {
        row.n = n
        row.at.setTime(n)
        row.tags[0] = `tag ${n}`
        yield row
      }
    }
    const expected = Array.from({ length: 3000 }, (_, n) => ({ n, at: new Date(n), tags: [`tag ${n}`] }))
    deepStrictEqual(await roundTrip(reusing()), expected)
  })

  it('keeps the order of 300,000 rows from an async iterable', async () => {
    async function* numbered(): AsyncGenerator {
      for (let n = 0; n < 300_000; n++) yield { n, text: `row ${n}` }
    }
    const filePath = path('order.parquet')
    expect(await codec.write(numbered(), filePath)).toEqual({ recordCount: 300_000 })
    let expected = 0
    for await (const row of codec.read(filePath)) if (row['n'] === expected) expected++
    expect(expected).toBe(300_000)
  })
})

class Money {
  readonly amount = 1
}
class Numbers extends Array<number> {}
const cyclic: Record<string, unknown> = { name: 'loop' }
cyclic['self'] = { again: cyclic }
const holes: number[] = []
holes[2] = 3

const REFUSED: readonly (readonly [
  name: string,
  rows: readonly unknown[],
  column: string | null,
  row: number,
])[] = [
  ['undefined', [{ a: 1 }, { a: undefined }], 'a', 1],
  ['a function', [{ a: () => 1 }], 'a', 0],
  ['a symbol', [{ a: Symbol('x') }], 'a', 0],
  ['a bigint', [{ a: 1 }, { a: 2 }, { a: 3n }], 'a', 2],
  ['a class instance', [{ a: new Money() }], 'a', 0],
  ['a Map', [{ a: new Map() }], 'a', 0],
  ['a Set', [{ a: new Set() }], 'a', 0],
  ['bytes', [{ a: new Uint8Array(2) }], 'a', 0],
  ['an array of a class of its own', [{ a: new Numbers() }], 'a', 0],
  ['an invalid date', [{ a: new Date(0) }, { a: new Date(NaN) }], 'a', 1],
  ['a date among strings', [{ a: 'x' }, { a: new Date(0) }], 'a', 1],
  ['a date in an object', [{ a: { at: new Date(0) } }], 'a', 0],
  ['a date in an array', [{ b: 1 }, { a: [new Date(0)] }], 'a', 1],
  ['a lone surrogate', [{ a: 'fine' }, { a: 'x\ud800' }], 'a', 1],
  ['a lone surrogate in an object', [{ a: { b: '\udc00' } }], 'a', 0],
  ['a lone surrogate in a key', [{}, { '\ud800': 1 }], '\ud800', 1],
  ['a lone surrogate in a nested key', [{ a: { '\ud800': 1 } }], 'a', 0],
  ['NaN among strings', [{ a: 'x' }, { a: NaN }], 'a', 1],
  [
    '-0 before strings that come in a later chunk',
    [{ a: -0 }, ...Array.from({ length: 3000 }, () => ({ a: 'x' }))],
    'a',
    0,
  ],
  ['an infinity in an array', [{ a: [Infinity] }], 'a', 0],
  ['-0 in an object', [{ a: { b: -0 } }], 'a', 0],
  ['undefined in an object', [{ a: { b: undefined } }], 'a', 0],
  ['undefined in an array', [{ a: [undefined] }], 'a', 0],
  ['a sparse array', [{ a: holes }], 'a', 0],
  ['an array with a property of its own', [{ a: Object.assign([1], { extra: 1 }) }], 'a', 0],
  ['a cycle', [{ a: cyclic }], 'a', 0],
  ['a symbol key in an object', [{ a: { [Symbol('x')]: 1 } }], 'a', 0],
  ['201 levels', [{ a: nest(201) }], 'a', 0],
  [
    '2,001 different keys',
    [Object.fromEntries(Array.from({ length: 2001 }, (_, n) => [`k${n}`, n]))],
    'k2000',
    0,
  ],
  ['a symbol key', [{ a: 1 }, { [Symbol('x')]: 1 }], null, 1],
  ['a row that is null', [{ a: 1 }, null], null, 1],
  ['a row that is a number', [5], null, 0],
  ['a row that is an array', [[1]], null, 0],
  ['a row that is a class instance', [new Money()], null, 0],
  ['a row after a full chunk', [...Array.from({ length: 4000 }, (_, a) => ({ a })), 'text'], null, 4000],
]

describe('what would change is refused with its column and row', () => {
  it.each(REFUSED)('%s', async (_, rows, column, row) => {
    const filePath = path('refused.parquet')
    const error: unknown = await codec.write(rows, filePath).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'INVALID_INPUT',
      details: { column, row, reason: expect.any(String) },
    })
    expect(hasErrorCode(error, 'INVALID_INPUT')).toBe(true)
    await expect(stat(filePath)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it("passes on the error of the caller's own iterable and leaves no file", async () => {
    const broken = new Error('the source broke')
    async function* failing(): AsyncGenerator {
      for (let n = 0; n < 5000; n++) yield { n }
      throw broken
    }
    const filePath = path('broken.parquet')
    await expect(codec.write(failing(), filePath)).rejects.toBe(broken)
    await expect(stat(filePath)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('leaves an older file alone', async () => {
    const filePath = path('older.parquet')
    await codec.write([{ a: 1 }], filePath)
    await expect(codec.write([{ a: 1n }], filePath)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    expect(await collect(codec.read(filePath))).toEqual([{ a: 1 }])
  })
})
