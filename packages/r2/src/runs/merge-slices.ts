import { join } from 'node:path'
import type { WrittenRun } from '../manifest/run-format.ts'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import { describeRun, firstRow } from './describe-run.ts'
import { sliceConditions } from './id-slices.ts'
import { copyStatement, FILE_COLUMNS, joinedRuns } from './run-sql.ts'
import type { CopyTarget } from './run-sql.ts'

/** What is not in the merged run. */
export const DROPPED_TABLE = 'dropped'

export interface SliceRequest {
  readonly path: string
  /** For the slices, when there are several. */
  readonly folder: string
  readonly sliceRows: number
  readonly dropTombstonesBefore?: string
}

/**
 * Writes of the rows the one with the highest position of every id, sorted by id; the others go to
 * {@link DROPPED_TABLE}. A slice of ids at a time, so that memory does not depend on the number of rows.
 */
export async function mergeSlices(
  connection: DuckDbConnection,
  rows: string,
  { path, folder, sliceRows, dropTombstonesBefore }: SliceRequest,
): Promise<WrittenRun | undefined> {
  await connection.run(
    `CREATE TABLE ${DROPPED_TABLE} (id VARCHAR, "key" VARCHAR, rev BIGINT, op VARCHAR, sha256 VARCHAR)`,
  )
  const isKept = keptCondition(dropTombstonesBefore)
  const conditions = await sliceConditions(connection, rows, sliceRows)
  const files: string[] = []
  for (const [index, condition] of conditions.entries()) {
    const selection = `SELECT *, ${isKept} AS is_kept FROM (${rows}) WHERE ${condition}`
    const isWhole = conditions.length === 1
    const file = isWhole ? path : join(folder, `slice-${index}.parquet`)
    const compression = isWhole ? 'zstd' : 'uncompressed'
    if (await mergeSlice(connection, selection, { path: file, compression })) files.push(file)
  }
  if (files.length === 0) return undefined
  if (conditions.length > 1) {
    await connection.run(copyStatement(joinedRuns(files), { path, compression: 'zstd' }))
  }
  return describeRun(connection, path)
}

/** Whether anything of it is kept, and hence written. */
async function mergeSlice(
  connection: DuckDbConnection,
  selection: string,
  target: CopyTarget,
): Promise<boolean> {
  await connection.run(`CREATE TEMP TABLE slice AS ${selection}`)
  await connection.run(
    `INSERT INTO ${DROPPED_TABLE} SELECT id, "key", rev, op, sha256 FROM slice WHERE NOT is_kept`,
  )
  const [kept] = await firstRow(connection, 'SELECT count(*) FROM slice WHERE is_kept')
  if (kept !== 0) {
    const sorted = `SELECT ${FILE_COLUMNS} FROM slice WHERE is_kept ORDER BY id`
    await connection.run(copyStatement(sorted, target))
  }
  await connection.run('DROP TABLE slice')
  return kept !== 0
}

function keptCondition(dropTombstonesBefore: string | undefined): string {
  const isNewest = 'pos = max(pos) OVER (PARTITION BY id)'
  if (dropTombstonesBefore === undefined) return isNewest
  const before = `make_timestamp_ms(${Date.parse(dropTombstonesBefore)})`
  return `(${isNewest} AND (op = 'put' OR coalesce(updated_at, timestamp) >= ${before}))`
}
