import { createReadStream } from 'node:fs'
import { EMPTY_SUM } from '@umbra/core'
import type { LiveSum, ObjectBody } from '@umbra/core'
import { hashFile } from '../cache/hash-file.ts'
import type { WrittenRun } from '../manifest/run-format.ts'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import { digestSums, exactText, readParquet } from './run-sql.ts'

/** Everything there is to say about a run, read back from its file. */
export async function describeRun(connection: DuckDbConnection, path: string): Promise<WrittenRun> {
  const file = readParquet(path)
  const facts = await firstRow(
    connection,
    `SELECT count(*), count(*) FILTER (op = 'del'), ${exactText('min(id)')}, ${exactText('max(id)')},
      epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) FROM ${file}`,
  )
  const [rows, dels, firstId, lastId, earliest, latest] = facts
  const { bytes, sha256 } = await hashFile(path)
  return {
    path,
    rows: Number(rows),
    dels: Number(dels),
    ids: [String(firstId), String(lastId)],
    at: [isoTime(earliest), isoTime(latest)],
    bytes,
    sha256,
    sum: await sumOf(connection, `SELECT * FROM ${file}`),
    body: fileBody(path, bytes),
  }
}

/** The sum over the puts among the rows a query selects. */
export async function sumOf(connection: DuckDbConnection, rows: string): Promise<LiveSum> {
  const quarters = await firstRow(connection, digestSums(rows))
  let sum = 0n
  for (const quarter of quarters) sum = (sum << 64n) + BigInt(String(quarter))
  return BigInt.asUintN(256, sum).toString(16).padStart(EMPTY_SUM.length, '0')
}

export async function firstRow(connection: DuckDbConnection, sql: string): Promise<readonly unknown[]> {
  let row: readonly unknown[] = []
  for await (const { columns } of connection.stream(sql)) row = columns.map((values) => values[0])
  return row
}

function fileBody(path: string, size: number): ObjectBody {
  return { size, bytes: undefined, stream: (range) => createReadStream(path, range) }
}

function isoTime(millis: unknown): string {
  return new Date(Number(millis)).toISOString()
}
