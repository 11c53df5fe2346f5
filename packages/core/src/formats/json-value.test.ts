import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertJsonValue } from './json-value.ts'

const cyclic: { self?: unknown } = {}
cyclic.self = [cyclic]

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ['undefined', { a: undefined }, 'data.a'],
  ['a function', { a: { b: () => 1 } }, 'data.a.b'],
  ['a symbol', [Symbol('x')], 'data[0]'],
  ['a bigint', { 'odd key': 1n }, 'data["odd key"]'],
  ['NaN', { items: [1, 2, { price: Number.NaN }] }, 'data.items[2].price'],
  ['Infinity', Number.POSITIVE_INFINITY, 'data'],
  ['a Date', { at: new Date() }, 'data.at'],
  ['a Map', { m: new Map() }, 'data.m'],
  ['a class instance', new (class Point {})(), 'data'],
  ['a toJSON method', { toJSON: () => 1 }, 'data'],
  ['a cycle', cyclic, 'data.self[0]'],
  // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
  ['a sparse array', [1, , 3], 'data[1]'],
]

describe('assertJsonValue', () => {
  it.each(REFUSED)('refuses %s and names the field', (_name, value, field) => {
    expect(() => assertJsonValue(value, 'data')).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', details: expect.objectContaining({ field }) }),
    )
  })

  it('refuses nesting deeper than 500 without overflowing the stack', () => {
    let value: unknown = 0
    for (let depth = 0; depth < 100_000; depth++) value = [value]
    expect(() => assertJsonValue(value, 'data')).toThrow('nested deeper than 500')
  })

  it('accepts an object that appears twice without a cycle', () => {
    const shared = { a: 1 }
    expect(() => assertJsonValue({ x: shared, y: [shared] }, 'data')).not.toThrow()
  })

  it('accepts every value that JSON itself produces, and that value survives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed: unknown = JSON.parse(JSON.stringify(value))
        assertJsonValue(parsed, 'data')
        expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed)
      }),
    )
  })
})
