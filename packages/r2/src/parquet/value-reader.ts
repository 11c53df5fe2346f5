import type { DuckDBDataChunk, DuckDBType, DuckDBValue, DuckDbApi } from './duckdb-api.ts'

/** The values of one column of a chunk as plain JavaScript. */
export type ValueReader = (chunk: DuckDBDataChunk, columnIndex: number) => readonly unknown[]

/**
 * Integers are numbers when safe, else bigint; decimals, times and intervals are text, because a number would
 * round them; dates and timestamps are `Date` (microseconds are cut); bytes are `Uint8Array`; lists and
 * structs are arrays and objects; maps are lists of `{ key, value }`.
 */
export function createValueReader(api: DuckDbApi): ValueReader {
  const { DuckDBTypeId: Id, JSDuckDBValueConverter: toJs } = api
  const asIs = new Set<number>([Id.BOOLEAN, Id.TINYINT, Id.SMALLINT, Id.INTEGER, Id.UTINYINT, Id.USMALLINT])
  for (const id of [Id.UINTEGER, Id.FLOAT, Id.DOUBLE, Id.VARCHAR]) asIs.add(id)
  const asText = new Set<number>([Id.DECIMAL, Id.TIME, Id.TIME_TZ, Id.TIME_NS, Id.INTERVAL])

  function convert(value: DuckDBValue, type: DuckDBType): unknown {
    if (value === null) return null
    if (typeof value === 'bigint') return toSafeNumber(value)
    if (asIs.has(type.typeId)) return value
    if (asText.has(type.typeId)) return String(value)
    const converted: unknown = toJs(value, type, convertNested)
    return converted instanceof Uint8Array ? new Uint8Array(converted) : converted
  }
  // The library types the result as its own JS values; ours are a superset that it only passes through.
  const convertNested = convert as typeof toJs

  return (chunk, columnIndex) => {
    const vector = chunk.getColumnVector(columnIndex)
    return asIs.has(vector.type.typeId)
      ? chunk.getColumnValues(columnIndex)
      : chunk.convertColumnValues(columnIndex, convert)
  }
}

function toSafeNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
