import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createParquetCodec, openDuckDb } from '@umbra/r2/duckdb'
import { parquetWriteFile } from 'hyparquet-writer'
import { alternate, seconds } from './alternate.ts'
import { toResult } from './bench-result.ts'
import type { Bench } from './bench-result.ts'

const ROWS = 1_000_000

interface Row {
  readonly id: number
  readonly amount: number
  readonly name: string
  readonly at: Date
  readonly active: boolean
  readonly note: string | null
  readonly place: { readonly city: string; readonly zip: number }
  readonly tags: readonly string[]
}

function sampleRow(n: number): Row {
  return {
    id: n,
    amount: (n % 10_007) + 0.25,
    name: `customer number ${n % 50_021}`,
    at: new Date(1_700_000_000_000 + n * 1_000),
    active: n % 3 === 0,
    note: n % 5 === 0 ? null : `note ${n % 101}`,
    place: { city: `city ${n % 307}`, zip: n % 99_999 },
    tags: [`tag${n % 17}`, `tag${n % 23}`],
  }
}

/** B7: a million rows of eight columns, from JavaScript objects to a Parquet file. */
export const parquetWrite: Bench = {
  ids: ['B7'],
  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), 'umbra-bench-'))
    const rows = Array.from({ length: ROWS }, (_, n) => sampleRow(n))
    const jsonPath = join(folder, 'rows.jsonl')
    await pipeline(jsonLines(rows), createWriteStream(jsonPath))
    const codec = createParquetCodec()
    const duckdb = await openDuckDb()
    const connection = await duckdb.connect()
    const out = (name: string) => join(folder, `${name}.parquet`)
    const figures = await alternate(
      3,
      {
        ours: () => seconds(() => codec.write(rows, out('ours'))),
        duckdb: () =>
          seconds(() => connection.run(copyFromJson(jsonPath, out('duckdb'), ', sample_size=-1'))),
        sampled: () => seconds(() => connection.run(copyFromJson(jsonPath, out('sampled'), ''))),
      },
      report,
    )
    const hyparquet = await seconds(async () =>
      parquetWriteFile({ filename: out('hyparquet'), columnData: toColumns(rows) }),
    )
    const sizeOf = async (name: string) => `${((await stat(out(name))).size / 1e6).toFixed(1)} MB`
    const sizes = {
      ours: await sizeOf('ours'),
      duckdb: await sizeOf('duckdb'),
      hyparquet: await sizeOf('hyparquet'),
    }
    await connection.close()
    await duckdb.close()
    await codec.close()
    await rm(folder, { recursive: true })
    const ours = {
      name: 'ParquetCodec.write',
      value: figures.ours,
      unit: 's',
      note: `${sizes.ours}; exact or refused`,
    }
    const whole = {
      name: 'DuckDB COPY from read_json over a ready JSON file, types from every row',
      value: figures.duckdb,
      unit: 's',
      note: sizes.duckdb,
    }
    const sampled = {
      name: 'the same, types from the first 20,480 rows',
      value: figures.sampled,
      unit: 's',
      note: 'a 1.5 after them is stored as 2',
    }
    const peer = {
      name: 'hyparquet-writer',
      value: hyparquet,
      unit: 's',
      note: `${sizes.hyparquet}; snappy, nested values as JSON; one run`,
    }
    const name = `Parquet of ${ROWS.toLocaleString('en')} rows x 8 columns, one object and one list among them, from objects`
    const shared = { id: 'B7', unit: 'ratio', budget: { atMost: 1.5 }, ours }
    return [
      toResult({
        ...shared,
        name: `${name}, over DuckDB's COPY that looks at every row`,
        value: figures.ours / figures.duckdb,
        baseline: whole,
        peers: [peer],
      }),
      toResult({
        ...shared,
        name: `${name}, over DuckDB's COPY that looks at a sample`,
        value: figures.ours / figures.sampled,
        baseline: sampled,
        peers: [],
      }),
    ]
  },
}

function copyFromJson(from: string, to: string, options: string): string {
  return `COPY (SELECT * FROM read_json('${from}'${options})) TO '${to}' (FORMAT parquet, COMPRESSION zstd)`
}

function* jsonLines(rows: readonly Row[]): Generator<string> {
  let text = ''
  for (const row of rows) {
    text += `${JSON.stringify(row)}\n`
    if (text.length > 1_000_000) {
      yield text
      text = ''
    }
  }
  yield text
}

function toColumns(rows: readonly Row[]) {
  return [
    { name: 'id', data: rows.map(({ id }) => BigInt(id)), type: 'INT64' as const },
    { name: 'amount', data: rows.map(({ amount }) => amount), type: 'DOUBLE' as const },
    { name: 'name', data: rows.map(({ name }) => name), type: 'STRING' as const },
    { name: 'at', data: rows.map(({ at }) => at), type: 'TIMESTAMP' as const },
    { name: 'active', data: rows.map(({ active }) => active), type: 'BOOLEAN' as const },
    { name: 'note', data: rows.map(({ note }) => note), type: 'STRING' as const, nullable: true },
    { name: 'place', data: rows.map(({ place }) => place), type: 'JSON' as const },
    { name: 'tags', data: rows.map(({ tags }) => tags), type: 'JSON' as const },
  ]
}
