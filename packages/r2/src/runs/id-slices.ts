import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import { firstRow } from './describe-run.ts'
import { exactText, textLiteral } from './run-sql.ts'

/**
 * Conditions that split rows into slices of ids, in the order of ids: every row is in exactly one, all rows of an id are
 * in the same, and none has many more than `sliceRows` (only the rows of one id can make it more).
 */
export async function sliceConditions(
  connection: DuckDbConnection,
  rows: string,
  sliceRows: number,
): Promise<string[]> {
  const bounds = await sliceBounds(connection, rows, sliceRows)
  return [undefined, ...bounds].map((from, index) => {
    const to = bounds[index]
    const conditions = [
      ...(from === undefined ? [] : [`id >= ${textLiteral(from)}`]),
      ...(to === undefined ? [] : [`id < ${textLiteral(to)}`]),
    ]
    return conditions.join(' AND ') || 'true'
  })
}

async function sliceBounds(connection: DuckDbConnection, rows: string, sliceRows: number): Promise<string[]> {
  const [total] = await firstRow(connection, `SELECT count(*) FROM (${rows})`)
  if (Number(total) <= sliceRows) return []
  const numbered = `SELECT id, row_number() OVER (ORDER BY id) AS n FROM (${rows})`
  const everySlice = `SELECT DISTINCT id FROM (${numbered}) WHERE n % ${sliceRows} = 0 ORDER BY id`
  const bounds: string[] = []
  for await (const { columns } of connection.stream(
    `SELECT ${exactText('s.id')} FROM (${everySlice}) s ORDER BY s.id`,
  )) {
    bounds.push(...(columns[0] ?? []).map(String))
  }
  return bounds
}
