import { UmbraError } from '@umbra/core'
import type { DuckDbBatch, DuckDbConnection } from './duckdb-session.ts'
import { METADATA_KEY, parseFileMetadata } from './file-metadata.ts'
import type { FileColumn, FileMetadata } from './file-metadata.ts'
import { quoteName } from './file-plan.ts'

type Row = Record<string, unknown>

/** The rows of a Parquet file in order, in batches: exactly the caller's for files of ours, else as they are. */
export async function* readRowBatches(
  connection: DuckDbConnection,
  filePath: string,
): AsyncGenerator<Row[], void, undefined> {
  const metadata = await readMetadata(connection, filePath)
  const toRows = metadata === undefined ? foreignRows : (batch: DuckDbBatch) => ourRows(batch, metadata)
  for await (const batch of connection.stream(selectStatement(metadata), [filePath])) yield toRows(batch)
}

async function readMetadata(
  connection: DuckDbConnection,
  filePath: string,
): Promise<FileMetadata | undefined> {
  const sql = `SELECT decode(value) FROM parquet_kv_metadata($1) WHERE key = '${METADATA_KEY}'::BLOB`
  let text: unknown
  for await (const batch of connection.stream(sql, [filePath])) text = batch.columns[0]?.[0]
  return typeof text === 'string' ? parseFileMetadata(text) : undefined
}

function selectStatement(metadata: FileMetadata | undefined): string {
  const names = metadata?.columns.flatMap(({ name, nulls }) =>
    typeof nulls === 'object' ? [name, nulls.marker] : [name],
  )
  const selection = names === undefined || names.length === 0 ? '*' : names.map(quoteName).join(', ')
  // Otherwise a folder named like `day=1` in the path would become a column.
  return `SELECT ${selection} FROM read_parquet($1, hive_partitioning = false)`
}

function foreignRows(batch: DuckDbBatch): Row[] {
  const rows: Row[] = []
  for (let index = 0; index < batch.rowCount; index++) {
    const row: Row = {}
    batch.columnNames.forEach((name, position) => setOwn(row, name, batch.columns[position]?.[index]))
    rows.push(row)
  }
  return rows
}

interface CellReader {
  readonly key: string
  readonly values: readonly unknown[]
  /** Per row, whether a NULL is a null; undefined when all are, or none is. */
  readonly markers: readonly unknown[] | undefined
  readonly nullsAreValues: boolean
}

function ourRows(batch: DuckDbBatch, metadata: FileMetadata): Row[] {
  const rows: Row[] = []
  const readers = metadata.columns.map((column) => cellReader(batch, column))
  for (let index = 0; index < batch.rowCount; index++) {
    const row: Row = {}
    for (const { key, values, markers, nullsAreValues } of readers) {
      const value = values[index]
      const isPresent = value !== null || (markers === undefined ? nullsAreValues : markers[index] === true)
      if (isPresent) setOwn(row, key, value)
    }
    rows.push(row)
  }
  return rows
}

function cellReader(batch: DuckDbBatch, { key, name, json, nulls }: FileColumn): CellReader {
  const stored = columnOf(batch, name)
  const values = json === true ? stored.map(parseJson) : stored
  const markers = typeof nulls === 'object' ? columnOf(batch, nulls.marker) : undefined
  return { key, values, markers, nullsAreValues: nulls === 'null' }
}

function columnOf(batch: DuckDbBatch, name: string): readonly unknown[] {
  const column = batch.columns[batch.columnNames.indexOf(name)]
  if (column === undefined) {
    throw new UmbraError(
      'CORRUPT',
      'the parquet file lacks a column its metadata names; restore it from a backup',
    )
  }
  return column
}

function parseJson(text: unknown): unknown {
  return typeof text === 'string' ? JSON.parse(text) : text
}

/** Assigning `__proto__` would set the prototype instead of a key. */
function setOwn(row: Row, key: string, value: unknown): void {
  if (key !== '__proto__') row[key] = value
  else Object.defineProperty(row, key, { value, writable: true, enumerable: true, configurable: true })
}
