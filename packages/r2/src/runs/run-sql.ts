import { quoteText } from '../parquet/file-plan.ts'
import { RUN_COLUMNS, stageTypeOf } from './run-row.ts'

/**
 * A point lookup decodes whole row groups, and a miss looks at the bounds of each. Measured with 1,000,000 entries: half
 * as many rows find 64 ids a third faster, but a miss takes up to twice as long and the footer is twice as large.
 */
const ROW_GROUP_ROWS = 8192

/** Temporary, hence one per connection. */
export const STAGE_TABLE = 'stage'

export const STAGE_DEFINITION = [
  ...RUN_COLUMNS.map((column) => `"${column.name}" ${stageTypeOf(column)}`),
  'pos BIGINT',
].join(', ')

/** The driver drops one byte order mark from the beginning of every text it reads. */
export function exactText(expression: string): string {
  return `if(starts_with(${expression}, '\ufeff'), '\ufeff' || ${expression}, ${expression})`
}

/** A file's columns as `toEntries` reads them. */
export const ENTRY_SELECTION = RUN_COLUMNS.map(({ name, kind }) => {
  if (kind === 'time') return `epoch_ms("${name}") AS "${name}"`
  return kind === 'text' ? `${exactText(`"${name}"`)} AS "${name}"` : `"${name}"`
}).join(', ')

export const FILE_COLUMNS = RUN_COLUMNS.map(({ name }) => `"${name}"`).join(', ')

/** Staged rows with a file's types. */
export const STAGED_ROWS = `SELECT ${RUN_COLUMNS.map(({ name, kind }) =>
  kind === 'time' ? `make_timestamp_ms("${name}") AS "${name}"` : `"${name}"`,
).join(', ')}, pos FROM ${STAGE_TABLE}`

/** A run's rows, numbered upwards from `firstPosition`. */
export function runRows(path: string, firstPosition: bigint): string {
  return `SELECT ${FILE_COLUMNS}, file_row_number + ${firstPosition} AS pos FROM ${readParquet(path, true)}`
}

/** The rows of a file that holds their positions. */
export function positionedRows(path: string): string {
  return `SELECT ${FILE_COLUMNS}, pos FROM ${readParquet(path)}`
}

export interface CopyTarget {
  readonly path: string
  readonly compression: 'zstd' | 'uncompressed'
}

/** Writes what `rows` selects, in its order, with positions if it has them. */
export function copyStatement(rows: string, { path, compression }: CopyTarget): string {
  const options = `FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}`
  return `COPY (${rows}) TO ${quoteText(path)} (${options})`
}

/** The rows of several runs, one after the other. */
export function joinedRuns(paths: readonly string[]): string {
  return paths.map((path) => `SELECT ${FILE_COLUMNS} FROM ${readParquet(path)}`).join(' UNION ALL ')
}

/** A text without what ends or changes a statement. */
export function textLiteral(text: string): string {
  return `decode(unhex('${Buffer.from(text).toString('hex')}'))`
}

export function readParquet(path: string, numbered = false): string {
  // Otherwise a folder named like `day=1` in the path would become a column.
  const options = `hive_partitioning = false, file_row_number = ${numbered}`
  return `read_parquet(${quoteText(escapeGlob(path))}, ${options})`
}

/** Of the puts among `rows`: the sums of the quarters of their digests, highest first, as text. See `entryDigest`. */
export function digestSums(rows: string): string {
  const quarters = [1, 17, 33, 49].map(
    (start) => `coalesce(sum(('0x' || substr(digest, ${start}, 16))::UBIGINT), 0)::VARCHAR`,
  )
  const digests = `SELECT sha256(rev || ' ' || sha256 || ' ' || "key" || ' ' || id) AS digest`
  return `SELECT ${quarters.join(', ')} FROM (${digests} FROM (${rows}) WHERE op = 'put')`
}

/** A path is a pattern to DuckDB; a pattern's special character in brackets stands for itself. */
function escapeGlob(path: string): string {
  return path.replaceAll(/[*?[]/g, '[$&]')
}
