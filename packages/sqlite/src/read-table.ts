import { UmbraError } from '@umbra/core'
import BetterSqlite3 from 'better-sqlite3'
import { toUmbraError } from './sqlite-error.ts'

export interface TableRow {
  /** The values that identify the row, in text: of the columns asked for, or the primary key, or the row id. */
  readonly key: string
  /** By column. Whole numbers are bigint, blobs are bytes, and so is text that is not UTF-8. */
  readonly values: Readonly<Record<string, unknown>>
  /** Columns whose value is text that is not UTF-8. */
  readonly undecodable: readonly string[]
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
/** Names of the row id, of which a column may have taken some: https://www.sqlite.org/lang_createtable.html#rowid */
const ROW_IDS = ['rowid', '_rowid_', 'oid'] as const

/**
 * Every row of a table or view of any SQLite file, as of one moment, in bounded memory. Opens the file read-only.
 *
 * @throws `INVALID_INPUT` when there is no such file, table or column, or the schema does not fit together, as a view of a table that
 * was dropped; `CORRUPT` when it is no database
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
    const rowId = key.length === 0 ? rowIdOf(connection, columns, table) : undefined
    const rows = connection
      .prepare(select(connection, columns, { table, rowId }))
      .raw()
      .iterate()
    // The row id or null, then for each column its value and whether that is the bytes of a text.
    for (const row of rows as Iterable<readonly unknown[]>) yield toRow(row, columns, key)
  } catch (error) {
    throw toReadError(error, table)
  } finally {
    connection.close()
  }
}

function toReadError(error: unknown, table: string): UmbraError {
  const ours = toUmbraError(error)
  // SQLite's word for a statement it cannot run: https://www.sqlite.org/rescode.html#error
  if (ours.details['sqliteCode'] !== 'SQLITE_ERROR') return ours
  const message = `the table cannot be read as it is; if it is a view, what it shows may be gone. table=${table}`
  return new UmbraError('INVALID_INPUT', message, { cause: ours, details: { table } })
}

function open(path: string): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(path, { readonly: true, fileMustExist: true })
  } catch (cause) {
    throw new UmbraError('INVALID_INPUT', `the database cannot be opened. path=${path}`, { cause })
  }
}

function columnsOf(connection: BetterSqlite3.Database, table: string): readonly ColumnInfo[] {
  const columns = connection
    // All but the hidden columns of virtual tables; generated ones hold values too.
    .prepare('SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1')
    .all(table)
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

function rowIdOf(connection: BetterSqlite3.Database, columns: readonly ColumnInfo[], table: string): string {
  const names = columns.map(({ name }) => name)
  const type = connection.prepare('SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE').pluck()
  const free = ROW_IDS.find((name) => names.every((taken) => taken.toLowerCase() !== name))
  if (type.get(table) !== 'view' && free !== undefined) return free
  throw new UmbraError(
    'INVALID_INPUT',
    `its rows have no id of their own; say which column identifies them. table=${table} columns=${names.join(',')}`,
    { details: { table } },
  )
}

/** Text as its bytes, because the driver puts a replacement character for what is not UTF-8. */
function select(
  connection: BetterSqlite3.Database,
  columns: readonly ColumnInfo[],
  { table, rowId }: { readonly table: string; readonly rowId: string | undefined },
): string {
  // SQLite itself converts the others.
  const isUtf8 = connection.pragma('encoding', { simple: true }) === 'UTF-8'
  const values = columns.map(({ name }) => {
    const column = quote(name)
    if (!isUtf8) return `${column}, 0`
    return `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END, typeof(${column}) = 'text'`
  })
  return `SELECT ${[rowId ?? 'NULL', ...values].join(', ')} FROM ${quote(table)}`
}

function toRow(
  [rowId, ...cells]: readonly unknown[],
  columns: readonly ColumnInfo[],
  key: readonly string[],
): TableRow {
  const undecodable: string[] = []
  const values = new Map<string, unknown>()
  for (const [index, { name }] of columns.entries()) {
    const value = cells[2 * index]
    const text = value instanceof Uint8Array && cells[2 * index + 1] === 1n ? decode(value) : undefined
    if (text === null) undecodable.push(name)
    values.set(name, text ?? value)
  }
  const parts = key.length === 0 ? [rowId] : key.map((name) => values.get(name))
  return { key: parts.map(keyText).join(KEY_SEPARATOR), values: Object.fromEntries(values), undecodable }
}

/** Null when it is not UTF-8. */
function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
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
