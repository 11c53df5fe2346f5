import { deepStrictEqual } from 'node:assert'
import { isUmbraError } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useCodec } from './parquet.fixture.ts'

const { roundTrip } = useCodec()

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'A', 'id', 'Id') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '__proto__', 'constructor', 'x.y', '"', "'", '10', 'umbra_null_0'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 5 }) },
)
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'null', '1', '[]', '\0', '2025-01-02'),
)
/** JSON has no -0: `JSON.parse(JSON.stringify(-0))` is 0. */
const jsonNumber = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
)
const jsonScalar = fc.oneof(fc.constant(null), fc.boolean(), jsonNumber, text)

/** Own keys, as `JSON.parse` makes them: `__proto__` too. */
function record(value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .uniqueArray(fc.tuple(key, value), { maxLength: 5, selector: ([name]) => name })
    .map((entries) => Object.fromEntries(entries))
}
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    jsonScalar,
    fc.array(tie('json'), { maxLength: 4 }),
    record(tie('json')),
  ),
}))
const jsonRow = fc.oneof(record(json), record(jsonNumber), record(fc.array(jsonNumber, { maxLength: 3 })))

/** Rows of one shape, so that typed columns, structures and lists are covered and not only JSON text. */
const uniformRow = fc.record(
  {
    id: fc.integer(),
    name: text,
    at: fc.date({ noInvalidDate: true }),
    geo: fc.record({ lat: jsonNumber, tags: fc.array(text) }),
  },
  { requiredKeys: [] },
)
const oddValue = fc.oneof(
  json,
  fc.constantFrom(undefined, NaN, -0, Infinity, 1n, '\ud800', Symbol.iterator, Math.max),
  fc.date(),
  fc.constantFrom(new Map(), new Set([1]), [undefined], { at: new Date(0) }, [NaN], { key: -0 }),
)

describe('any rows', () => {
  it('that are plain JSON come back exactly and are never refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(jsonRow, { maxLength: 12 }), async (rows) => {
        deepStrictEqual(await roundTrip(rows), rows)
      }),
      { numRuns: 150 },
    )
  })

  it('of one shape with dates come back exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(uniformRow, { maxLength: 12 }), async (rows) => {
        const plain = rows.map((row) => ({ ...row, ...(row.geo && { geo: { ...row.geo } }) }))
        deepStrictEqual(await roundTrip(plain), plain)
      }),
      { numRuns: 60 },
    )
  })

  it('come back exactly or are refused with a column and a row that exist', async () => {
    const rowsArbitrary = fc.array(fc.oneof({ weight: 20, arbitrary: record(oddValue) }, fc.anything()), {
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(rowsArbitrary, async (rows) => {
        const result = await roundTrip(rows).catch((reason: unknown) => reason)
        if (Array.isArray(result)) return deepStrictEqual(result, rows.map(withPrototype))
        expect(isUmbraError(result) && result.code).toBe('INVALID_INPUT')
        const { column, row } = isUmbraError(result) ? result.details : {}
        const refused: unknown = rows[Number(row)]
        if (typeof column === 'string') expect(Object.keys(Object(refused))).toContain(column)
        else expect(column).toBeNull()
        return undefined
      }),
      { numRuns: 150 },
    )
  })
})

/** Objects without a prototype come back as ordinary ones, as from JSON. */
function withPrototype(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(withPrototype)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withPrototype(inner)]))
}
