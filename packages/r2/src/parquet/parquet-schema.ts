import { mergeShape, NestedRefusal, UNKNOWN } from './nested-shape.ts'
import type { NestedShape } from './nested-shape.ts'
import { isReadBackExactly } from './read-back.ts'
import { refuseCell } from './refusal.ts'

/** The kinds of value a column may hold. `json` is an object or array. */
export const VALUE_KINDS = ['boolean', 'number', 'string', 'date', 'json'] as const

export type ValueKind = (typeof VALUE_KINDS)[number]

/** JSON text, as opposed to a string of the caller's. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * A value as it was when its row arrived: the caller may change or reuse the row's objects afterwards.
 * A `bigint` is a Date's milliseconds; undefined means that the row has no such key.
 */
export type Cell = string | number | boolean | bigint | JsonText | null | undefined

/** What is known of a column so far, over all rows. */
export interface ColumnFacts {
  readonly key: string
  /** The first row, counted from 0, that held each kind. */
  readonly firstRows: Map<ValueKind, number>
  /** False once a number was no safe integer, or was -0. */
  integersOnly: boolean
  /** The first row with NaN, an infinity or -0, which only a DOUBLE column holds. */
  firstDoubleOnlyRow: number | undefined
  /** Rows in which the key has a value, null included. */
  presentCount: number
  nullCount: number
  /** Of the objects and arrays. */
  shape: NestedShape
}

export function createColumnFacts(key: string): ColumnFacts {
  return {
    key,
    firstRows: new Map(),
    integersOnly: true,
    firstDoubleOnlyRow: undefined,
    presentCount: 0,
    nullCount: 0,
    shape: UNKNOWN,
  }
}

/**
 * Takes a value that is not a string, number or boolean out of its row.
 *
 * @throws `INVALID_INPUT` when it would not come back as it is.
 */
export function toCell(value: unknown, facts: ColumnFacts, row: number): bigint | JsonText | null {
  if (value === null) return null
  const position = { column: facts.key, row }
  if (typeof value === 'bigint') throw refuseCell(position, 'bigint is not supported; use a string')
  if (typeof value !== 'object') throw refuseCell(position, `${typeof value} is not data`)
  if (value instanceof Date) {
    const atMs = value.getTime()
    if (Number.isNaN(atMs)) throw refuseCell(position, 'the date is invalid')
    return BigInt(atMs)
  }
  try {
    facts.shape = mergeShape(facts.shape, value)
  } catch (error) {
    if (error instanceof NestedRefusal) throw refuseCell(position, error.message)
    throw error
  }
  return new JsonText(JSON.stringify(value))
}

/**
 * Adds the first `count` cells, of rows from `firstRow` on, to what is known, and returns the kinds among them.
 *
 * @throws `INVALID_INPUT` when a cell cannot be kept exactly in one column with the others.
 */
export function observeCells(
  facts: ColumnFacts,
  cells: readonly Cell[],
  count: number,
  firstRow: number,
): ReadonlySet<ValueKind> {
  const found = new Set<ValueKind>()
  let lastKind: ValueKind | undefined
  for (let index = 0; index < count; index++) {
    const cell = cells[index]
    if (cell === undefined) continue
    facts.presentCount++
    if (cell === null) {
      facts.nullCount++
      continue
    }
    const kind = kindOf(cell)
    if (kind !== lastKind) {
      lastKind = kind
      found.add(kind)
      if (!facts.firstRows.has(kind)) facts.firstRows.set(kind, firstRow + index)
    }
    if (typeof cell === 'number') observeNumber(facts, cell, firstRow + index)
    else if (typeof cell === 'string') {
      if (!cell.isWellFormed())
        throw refuseCell({ column: facts.key, row: firstRow + index }, 'a lone surrogate has no UTF-8 form')
      if (!isReadBackExactly(cell)) {
        // A second kind in the column, so that all of it becomes JSON text.
        found.add('json')
        if (!facts.firstRows.has('json')) facts.firstRows.set('json', firstRow + index)
      }
    }
  }
  refuseInexactMixture(facts)
  return found
}

export function kindOf(cell: Exclude<Cell, null | undefined>): ValueKind {
  switch (typeof cell) {
    case 'string':
      return 'string'
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return 'date'
    default:
      return 'json'
  }
}

function observeNumber(facts: ColumnFacts, value: number, row: number): void {
  if (Number.isSafeInteger(value) && (value !== 0 || 1 / value > 0)) return
  facts.integersOnly = false
  if (Number.isFinite(value) && value !== 0) return
  facts.firstDoubleOnlyRow ??= row
}

/** Kinds that share a column become JSON text, which has no dates, no NaN and no -0. */
function refuseInexactMixture(facts: ColumnFacts): void {
  if (facts.firstRows.size < 2) return
  const dateRow = facts.firstRows.get('date')
  if (dateRow !== undefined) {
    throw refuseCell(
      { column: facts.key, row: dateRow },
      'a Date shares its column with values of another kind',
    )
  }
  if (facts.firstDoubleOnlyRow === undefined) return
  throw refuseCell(
    { column: facts.key, row: facts.firstDoubleOnlyRow },
    'NaN, an infinity or -0 shares its column with values of another kind',
  )
}
