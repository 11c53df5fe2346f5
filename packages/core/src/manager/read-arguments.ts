import { parseSearch } from '../search/parse-search.ts'
import type { ByteRange } from '../bodies/record-body.ts'
import type { SearchExpression } from '../search/search-expression.ts'
import { searchQuerySchema } from './input-schemas.ts'
import { parseInput } from './parse-input.ts'

export function toExpression(query: string, mode: 'words' | 'substring'): SearchExpression {
  return parseSearch(parseInput(searchQuerySchema, { query }).query, mode)
}

export function toByteRange(range: { start: number; end?: number | undefined }): ByteRange {
  return range.end === undefined ? { start: range.start } : { start: range.start, end: range.end }
}
