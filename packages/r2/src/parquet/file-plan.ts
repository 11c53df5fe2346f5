import { METADATA_KEY } from './file-metadata.ts'
import type { FileColumn, FileMetadata } from './file-metadata.ts'
import { nestedTypeOf } from './nested-type.ts'
import type { ColumnFacts, ValueKind } from './parquet-schema.ts'
import { STAGE_TABLE, stageColumnName } from './row-stager.ts'

/** How the staged rows become the columns of a file. */
export interface FilePlan {
  readonly metadata: FileMetadata
  /** `expression AS "name"`, one per column of the file. */
  readonly selection: readonly string[]
}

/** Names that every reader takes as they are: not empty, no control characters, not the prototype's. */
const PLAIN_NAME = /^[^\p{Cc}]{1,200}$/u

/** Decides the final type and name of every column from what is known of all rows. Pure. */
export function planFile(facts: readonly ColumnFacts[], rowCount: number): FilePlan {
  const takeName = createNamer(facts.map(({ key }) => key))
  const columns: FileColumn[] = []
  const selection: string[] = []
  for (const [index, column] of facts.entries()) {
    const name = takeName(column.key, `column_${index}`)
    const { expression, json } = expressionOf(column, index)
    selection.push(`${expression} AS ${quoteName(name)}`)
    const absentCount = rowCount - column.presentCount
    if (column.nullCount > 0 && absentCount > 0) {
      const marker = takeName('', `umbra_null_${index}`)
      selection.push(`coalesce(${stageColumnName(index, 'null')}, false) AS ${quoteName(marker)}`)
      columns.push({ key: column.key, name, ...(json && { json }), nulls: { marker } })
    } else {
      columns.push({
        key: column.key,
        name,
        ...(json && { json }),
        nulls: absentCount > 0 ? 'absent' : 'null',
      })
    }
  }
  // A file without columns is not possible, and rows may have no keys at all.
  if (selection.length === 0) selection.push('present AS umbra_row')
  return { metadata: { v: 1, columns }, selection }
}

/** The statement that writes a file from the staging table. zstd level 3 is the smallest that costs no time. */
export function copyStatement(plan: FilePlan, filePath: string): string {
  const metadata = quoteText(JSON.stringify(plan.metadata))
  const options = `FORMAT parquet, COMPRESSION zstd, KV_METADATA {${METADATA_KEY}: ${metadata}}`
  return `COPY (SELECT ${plan.selection.join(', ')} FROM ${STAGE_TABLE}) TO ${quoteText(filePath)} (${options})`
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function expressionOf(column: ColumnFacts, index: number): { expression: string; json: boolean } {
  const kinds = Array.from(column.firstRows.keys())
  const [only, ...others] = kinds
  if (only === undefined) return { expression: 'NULL::VARCHAR', json: false }
  if (others.length > 0) {
    const texts = kinds.map((kind) => jsonExpression(column, index, kind))
    return { expression: `coalesce(${texts.join(', ')})::JSON`, json: true }
  }
  if (only !== 'json') return { expression: valueExpression(column, index, only), json: false }
  const staged = stageColumnName(index, 'json')
  const type = nestedTypeOf(column.shape)
  if (type === undefined) return { expression: `${staged}::JSON`, json: true }
  return { expression: `from_json_strict(${staged}, ${quoteText(JSON.stringify(type))})`, json: false }
}

function valueExpression(column: ColumnFacts, index: number, kind: ValueKind): string {
  const staged = stageColumnName(index, kind)
  // Exact both ways: a DOUBLE holds every safe integer.
  if (kind === 'number') return column.integersOnly ? `${staged}::BIGINT` : staged
  if (kind === 'date') return `make_timestamp_ms(${staged})`
  return staged
}

function jsonExpression(column: ColumnFacts, index: number, kind: ValueKind): string {
  return kind === 'json'
    ? stageColumnName(index, kind)
    : `to_json(${valueExpression(column, index, kind)})::VARCHAR`
}

/** Gives each key a name of its own under DuckDB's rule that names differing only in case are the same. */
function createNamer(keys: readonly string[]): (key: string, substitute: string) => string {
  const reserved = new Set(keys.map((key) => key.toLowerCase()))
  const taken = new Set<string>()
  return (key, substitute) => {
    const folded = key.toLowerCase()
    if (PLAIN_NAME.test(key) && key !== '__proto__' && !taken.has(folded)) {
      taken.add(folded)
      return key
    }
    let name = substitute
    while (reserved.has(name) || taken.has(name)) name = `_${name}`
    taken.add(name)
    return name
  }
}
