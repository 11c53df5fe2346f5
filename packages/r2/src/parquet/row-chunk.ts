import { isPlainObject } from './nested-shape.ts'
import { createColumnFacts, JsonText, toCell } from './parquet-schema.ts'
import type { Cell, ColumnFacts } from './parquet-schema.ts'
import { refuseCell, refuseRow } from './refusal.ts'

/** DuckDB's vector size: the most rows one append can carry. */
const MAX_ROWS = 2048
/** Keeps a chunk of very wide rows from blocking the event loop. */
const MAX_CELLS = 262_144
/** Characters of text after which rows are handed over, whatever their number. */
export const MAX_TEXT = 8_388_608
/** A file holds one column per key; more are a sign of a dictionary that belongs inside one column. */
const MAX_COLUMNS = 2000

export interface ChunkColumn {
  readonly index: number
  readonly facts: ColumnFacts
  /** The cells of the current chunk, undefined where a row lacks the key. */
  readonly cells: Cell[]
}

/** Rows turned into columns, a chunk at a time. The columns stay when the chunk is cleared. */
export class RowChunk {
  readonly columns: ChunkColumn[] = []
  readonly #columnsByKey = new Map<string, ChunkColumn>()
  #rowCount = 0
  #textLength = 0
  #rowsBefore = 0

  /** Rows in the chunk. */
  get rowCount(): number {
    return this.#rowCount
  }

  /** Rows in all earlier chunks. */
  get rowsBefore(): number {
    return this.#rowsBefore
  }

  get textLength(): number {
    return this.#textLength
  }

  get full(): boolean {
    if (this.#rowCount >= MAX_ROWS || this.#textLength >= MAX_TEXT) return true
    return this.#rowCount * this.columns.length >= MAX_CELLS
  }

  /** @throws `INVALID_INPUT` naming the column and the row for what would not come back as it is. */
  add(row: unknown): void {
    const rowNumber = this.#rowsBefore + this.#rowCount
    if (!isPlainObject(row)) throw refuseRow(rowNumber, 'a row must be a plain object')
    if (Object.getOwnPropertySymbols(row).length > 0) throw refuseRow(rowNumber, 'a symbol key is not data')
    let position = 0
    for (const key of Object.keys(row)) {
      // Rows mostly have the same keys in the same order, which saves the look-up.
      let column = this.columns[position++]
      if (column?.facts.key !== key) column = this.#columnFor(key, rowNumber)
      column.cells[this.#rowCount] = this.#takeCell(row[key], column.facts, rowNumber)
    }
    this.#rowCount++
  }

  clear(): void {
    for (const column of this.columns) column.cells.fill(undefined)
    this.#rowsBefore += this.#rowCount
    this.#rowCount = 0
    this.#textLength = 0
  }

  #takeCell(value: unknown, facts: ColumnFacts, row: number): Cell {
    if (typeof value === 'string') {
      this.#textLength += value.length
      return value
    }
    if (typeof value === 'number' || typeof value === 'boolean') return value
    const cell = toCell(value, facts, row)
    if (cell instanceof JsonText) this.#textLength += cell.text.length
    return cell
  }

  #columnFor(key: string, row: number): ChunkColumn {
    const known = this.#columnsByKey.get(key)
    if (known !== undefined) return known
    const position = { column: key, row }
    if (!key.isWellFormed())
      throw refuseCell(position, 'the key holds a lone surrogate, which has no UTF-8 form')
    if (this.columns.length >= MAX_COLUMNS) {
      throw refuseCell(position, `more than ${MAX_COLUMNS} different keys; use jsonl, or one object column`)
    }
    const column = { index: this.columns.length, facts: createColumnFacts(key), cells: [] }
    this.columns.push(column)
    this.#columnsByKey.set(key, column)
    return column
  }
}
