import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDuckDb } from './duckdb-session.ts'
import type { DuckDbConnection, DuckDbSession } from './duckdb-session.ts'
import { collect, useCodec } from './parquet.fixture.ts'

const { codec, path } = useCodec()
const flights = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
)

describe('a Parquet file of another writer', () => {
  let session: DuckDbSession
  let connection: DuckDbConnection
  beforeAll(async () => {
    session = await openDuckDb()
    connection = await session.connect()
  })
  afterAll(() => session.close())

  async function readBack(select: string): Promise<unknown[]> {
    const filePath = path('foreign.parquet')
    await connection.run(`COPY (${select}) TO '${filePath}' (FORMAT parquet)`)
    return collect(codec.read(filePath))
  }

  it.each([
    ['a small BIGINT as a number', '7::BIGINT', 7],
    ['a BIGINT beyond 2^53 as bigint', '9007199254740993::BIGINT', 9007199254740993n],
    ['an unsigned 64 bit integer as bigint', '18446744073709551615::UBIGINT', 18446744073709551615n],
    ['a DECIMAL as text, every digit kept', "'12345678901234567.10'::DECIMAL(38,2)", '12345678901234567.10'],
    ['a TIMESTAMP as Date', "TIMESTAMP '2025-01-02 03:04:05.678'", new Date('2025-01-02T03:04:05.678Z')],
    [
      'a TIMESTAMP WITH TIME ZONE as Date',
      "TIMESTAMPTZ '2025-01-02 03:04:05+02'",
      new Date('2025-01-02T01:04:05Z'),
    ],
    ['a DATE as Date', "DATE '2025-01-02'", new Date('2025-01-02')],
    ['a TIME as text', "TIME '03:04:05'", '03:04:05'],
    ['a BLOB as bytes', "'\\x00\\xFF'::BLOB", new Uint8Array([0, 255])],
    [
      'a UUID as text',
      "'a7980651-8ae9-4b82-aed1-23f635627003'::UUID",
      'a7980651-8ae9-4b82-aed1-23f635627003',
    ],
    ['JSON as text', `'{"a":1}'::JSON`, '{"a":1}'],
    ['a FLOAT as a number', '0.5::FLOAT', 0.5],
    ['NULL as null', 'NULL::INTEGER', null],
    ['nested values', "{'a': [1::BIGINT, NULL], 'b': {'c': 'x'}}", { a: [1, null], b: { c: 'x' } }],
    ['a MAP as pairs', "MAP {'k': 1::BIGINT}", [{ key: 'k', value: 1 }]],
  ])('gives %s', async (_, expression, expected) => {
    expect(await readBack(`SELECT ${expression} AS "value"`)).toStrictEqual([{ value: expected }])
  })

  it('gives a column named __proto__ as an own key', async () => {
    const [row] = await readBack('SELECT 5 AS "__proto__"')
    expect(Object.entries(Object(row))).toEqual([['__proto__', 5]])
  })

  it('is read in order and in bounded memory, though it has three million rows', async () => {
    let count = 0
    let withDelay = 0
    for await (const row of codec.read(flights)) {
      if (typeof row['delay'] === 'number') withDelay++
      if (++count === 400_000) break
    }
    expect(count).toBe(400_000)
    expect(withDelay).toBeGreaterThan(300_000)
  })
})
