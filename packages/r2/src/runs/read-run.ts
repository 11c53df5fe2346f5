import type { ManifestEntry } from '@umbra/core'
import type { DuckDBValue } from '../parquet/duckdb-api.ts'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import type { LocalPart, RunScan } from '../manifest/run-format.ts'
import { narrowScan } from './narrow-scan.ts'
import { ENTRY_SELECTION, readParquet } from './run-sql.ts'
import { toEntries } from './run-row.ts'

/** Who scans mostly stops soon, so the first entries are asked for alone: the rest is sorted whole. */
const FIRST_PAGES = [256, 4096]

export async function lookupIds(
  connection: DuckDbConnection,
  { path }: LocalPart,
  ids: readonly string[],
): Promise<Map<string, ManifestEntry>> {
  const found = new Map<string, ManifestEntry>()
  // An id with a lone surrogate is in no run; bound, it would turn into another one.
  const wanted = ids.filter((id) => id.isWellFormed())
  if (wanted.length === 0) return found
  // A list, even a joined one, would not skip the row groups that an equality or an IN of values does.
  const places = wanted.map((_, index) => `$${index + 1}`).join(', ')
  const rows = `SELECT * FROM ${readParquet(path)} WHERE id IN (${places})`
  const sql = `SELECT ${ENTRY_SELECTION} FROM (${rows})`
  for await (const batch of connection.stream(sql, wanted)) {
    for (const entry of toEntries(batch)) found.set(entry.id, entry)
  }
  return found
}

export async function* readRun(
  connection: DuckDbConnection,
  { path }: LocalPart,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const sql = `SELECT ${ENTRY_SELECTION} FROM ${readParquet(path)}`
  for await (const batch of connection.stream(sql)) yield* toEntries(batch)
}

export async function* scanRun(
  connection: DuckDbConnection,
  part: LocalPart,
  scan: RunScan,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const { path } = part
  if (scan.limit !== undefined) {
    yield* scanLimited(connection, part, { ...scan, limit: scan.limit })
    return
  }
  let after = scan.after
  for (const limit of FIRST_PAGES) {
    let count = 0
    for await (const entry of scanPage(connection, path, { ...scan, ...(after && { after }), limit })) {
      yield entry
      after = entry
      count++
    }
    if (count < limit) return
  }
  yield* scanPage(connection, path, { ...scan, ...(after && { after }) })
}

/**
 * Looks first where so many entries should be if they came evenly: row groups of other times are then not read. When
 * there are as many, they are the ones that were asked for; otherwise everything is looked through.
 */
async function* scanLimited(
  connection: DuckDbConnection,
  { path, pointer }: LocalPart,
  scan: RunScan & { readonly limit: number },
): AsyncGenerator<ManifestEntry, void, undefined> {
  const narrowed = narrowScan(pointer, scan)
  if (narrowed !== undefined) {
    const entries: ManifestEntry[] = []
    for await (const entry of scanPage(connection, path, narrowed, true)) entries.push(entry)
    if (entries.length === scan.limit) {
      yield* entries
      return
    }
  }
  yield* scanPage(connection, path, scan)
}

async function* scanPage(
  connection: DuckDbConnection,
  path: string,
  scan: RunScan,
  isNarrow = false,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const { sql, params } = scanStatement(path, scan, isNarrow)
  for await (const batch of connection.stream(sql, params)) yield* toEntries(batch)
}

function scanStatement(
  path: string,
  scan: RunScan,
  isNarrow: boolean,
): { sql: string; params: DuckDBValue[] } {
  const params: DuckDBValue[] = []
  const bind = (value: DuckDBValue): string => `$${params.push(value)}`
  const time = (text: string): string => `make_timestamp_ms(${bind(BigInt(Date.parse(text)))}::BIGINT)`
  const conditions = ["op = 'put'"]
  if (scan.from !== undefined) conditions.push(`timestamp >= ${time(scan.from)}`)
  if (scan.to !== undefined) conditions.push(`timestamp < ${time(scan.to)}`)
  if (scan.after !== undefined) {
    const at = time(scan.after.timestamp)
    const beyond = scan.order === 'oldest' ? '>' : '<'
    // The first condition follows from the second, but only the first skips row groups.
    conditions.push(`timestamp ${beyond}= ${at}`)
    conditions.push(`(timestamp ${beyond} ${at} OR id ${beyond} ${bind(scan.after.id)})`)
  }
  if (scan.dataFormat !== undefined) conditions.push(`data_type = ${bind(scan.dataFormat)}`)
  for (const text of scan.containing ?? []) conditions.push(`contains(text, ${bind(text)})`)
  const where = conditions.join(' AND ')
  const direction = scan.order === 'oldest' ? 'ASC' : 'DESC'
  // Qualified, because the selection gives other values the same names.
  const order = `ORDER BY r.timestamp ${direction}, r.id ${direction}`
  const select = `SELECT ${ENTRY_SELECTION} FROM`
  const limit = scan.limit === undefined ? '' : ` LIMIT ${bind(BigInt(scan.limit))}`
  if (scan.limit === undefined || isNarrow) {
    return { sql: `${select} ${readParquet(path)} r WHERE ${where} ${order}${limit}`, params }
  }
  // Finds the rows by the narrow columns first: reading every column of all that match takes three times as long.
  const file = `${readParquet(path, true)} r`
  const rows = `SELECT file_row_number FROM ${file} WHERE ${where} ${order}${limit}`
  return { sql: `${select} ${file} WHERE file_row_number IN (${rows}) ${order}`, params }
}
