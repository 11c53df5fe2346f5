import { UmbraError } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { toUmbraError } from './sqlite-error.ts'

export interface TableRow {
  /** The values that identify the row, in text: of the columns asked for, or the primary key, or the row id. */
  readonly key: string
  /** By column. Whole numbers are bigint, blobs are bytes. */
  readonly values: Readonly<Record<string, unknown>>
}

export interface ReadTableOptions {
  /** The column whose values identify the rows. Default: the primary key, else the row id. */
  readonly idColumn?: string
}

interface ColumnInfo {
  readonly name: string
  /** Place in the primary key, counted from 1; 0 when it is not part of it. */
  readonly pk: bigint
}

const KEY_SEPARATOR = '~'
const ROW_ID = 'umbra_row_id'

/**
 * Every row of a table or view of any SQLite file, as of one moment, in bounded memory. Opens the file read-only.
 *
 * @throws `INVALID_INPUT` when there is no such file, table or column, `CORRUPT` when it is no database
 */
export async function* readTable(
  path: string,
  table: string,
  options: ReadTableOptions = {},
): AsyncGenerator<TableRow, void, undefined> {
  const connection = open(path)
  try {
    connection.defaultSafeIntegers(true)
    const columns = columnsOf(connection, table)
    const key = keyColumns(columns, table, options)
    const rows = connection.prepare(select(columns, table, key)).iterate()
    // One row of bigint, text, bytes and null by column: what better-sqlite3 documents.
    for (const row of rows as Iterable<Record<string, unknown>>) {
      const { [ROW_ID]: rowId, ...values } = row
      const parts = key.length === 0 ? [rowId] : key.map((name) => values[name])
      yield { key: parts.map(keyText).join(KEY_SEPARATOR), values }
    }
  } catch (error) {
    throw toUmbraError(error)
  } finally {
    connection.close()
  }
}

function open(path: string): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(path, { readonly: true, fileMustExist: true })
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', `the database cannot be opened. path=${path}`, { cause })
  }
}

function columnsOf(connection: BetterSqlite3.Database, table: string): readonly ColumnInfo[] {
  const columns = connection.prepare('SELECT name, pk FROM pragma_table_info(?)').all(table)
  if (columns.length === 0) {
    const found = connection
      .prepare(`SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'`)
      .pluck()
      .all()
    throw new UmbraError(
      'INVALID_INPUT',
      `there is no such table. table=${table} tables=${found.map(String).join(',')}`,
      { details: { table } },
    )
  }
  // The columns of the statement above.
  return columns as ColumnInfo[]
}

/** Empty: the row id. */
function keyColumns(
  columns: readonly ColumnInfo[],
  table: string,
  { idColumn }: ReadTableOptions,
): readonly string[] {
  if (idColumn === undefined) {
    const primary = columns.filter(({ pk }) => pk > 0n).sort((a, b) => Number(a.pk - b.pk))
    return primary.map(({ name }) => name)
  }
  if (columns.some(({ name }) => name === idColumn)) return [idColumn]
  const names = columns.map(({ name }) => name).join(',')
  throw new UmbraError(
    'INVALID_INPUT',
    `the table has no such column. table=${table} column=${idColumn} columns=${names}`,
    { details: { table, column: idColumn } },
  )
}

function select(columns: readonly ColumnInfo[], table: string, key: readonly string[]): string {
  const names = columns.map(({ name }) => quote(name))
  const all = key.length === 0 ? [...names, `rowid AS ${quote(ROW_ID)}`] : names
  return `SELECT ${all.join(', ')} FROM ${quote(table)}`
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Empty for null, which identifies nothing. */
function keyText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'string') return value
  return typeof value === 'bigint' || typeof value === 'number' ? value.toString() : ''
}
