import { UmbraError } from '../errors/umbra-error.ts'

type Rows = Iterable<unknown> | AsyncIterable<unknown>

/** The rows of `{ records }`. @throws `INVALID_INPUT` when there is anything else. */
export function recordRows(data: unknown, format: 'jsonl' | 'parquet'): Rows {
  if (typeof data !== 'object' || data === null || !('records' in data)) {
    throw invalidRows('data', `must be { records: [...] } for ${format}`)
  }
  const { records } = data
  if (!isRows(records)) throw invalidRows('data.records', 'must be an array or an (async) iterable of rows')
  return records
}

function isRows(value: unknown): value is Rows {
  return (
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
  )
}

function invalidRows(field: string, reason: string): UmbraError {
  return new UmbraError('INVALID_INPUT', `${field} ${reason}`, { details: { field, reason } })
}
