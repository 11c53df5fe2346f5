import type { JsonPrimitive } from '../json.ts'
import type { DataFormat } from '../records/data-format.ts'
import type { SearchExpression } from '../search/search-expression.ts'

/** A validated listing or search over one namespace. Deleted records never match. */
export interface EntryQuery {
  /** Sorted by timestamp, then id. */
  readonly order: 'newest' | 'oldest'
  /** Most entries to return: 1 to 10,000. */
  readonly limit: number
  /** Start after this position; undefined starts at the beginning of the order. */
  readonly after?: EntryPosition
  /** Inclusive lower bound of the timestamp, ISO 8601. */
  readonly from?: string
  /** Exclusive upper bound of the timestamp, ISO 8601. */
  readonly to?: string
  readonly dataFormat?: DataFormat
  /** Each key must be present in the entry's metadata with exactly this value. */
  readonly metadata?: Readonly<Record<string, JsonPrimitive>>
  readonly match?: SearchExpression
}

/** A place in the order: unique per namespace because ids are. */
export interface EntryPosition {
  readonly timestamp: string
  readonly id: string
}
