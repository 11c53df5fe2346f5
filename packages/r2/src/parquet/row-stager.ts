import type { DuckDbConnection } from './duckdb-session.ts'
import { JsonText, kindOf, observeCells } from './parquet-schema.ts'
import type { ColumnFacts, ValueKind } from './parquet-schema.ts'
import { MAX_TEXT, RowChunk } from './row-chunk.ts'
import type { ChunkColumn } from './row-chunk.ts'
import type { StageAppender, StageType, StageValue } from './stage-appender.ts'

/** What is staged apart, so that a column of any mixture loses nothing. `null` is true where the value is null. */
export type StageKind = ValueKind | 'null'

/** A column of the staging table: one kind of value of one of the caller's columns. */
interface StageColumn {
  readonly source: ChunkColumn
  readonly kind: StageKind
}

const STAGE_TYPES: Readonly<Record<StageKind, StageType>> = {
  boolean: 'BOOLEAN',
  number: 'DOUBLE',
  string: 'VARCHAR',
  date: 'BIGINT',
  json: 'VARCHAR',
  null: 'BOOLEAN',
}

/** Temporary, hence one per connection, and gone with it. */
export const STAGE_TABLE = 'stage'

/** The staging table's column for one kind of value of the caller's column with this index. */
export function stageColumnName(index: number, kind: StageKind): string {
  return `c${index}_${kind}`
}

/**
 * Rows on their way into a table whose columns become known only as the rows arrive. Every kind of value has a
 * column of its own, added when the kind first occurs, so no row is ever looked at twice.
 */
export class RowStager {
  readonly #connection: DuckDbConnection
  readonly #chunk = new RowChunk()
  readonly #stageColumns = new Map<string, StageColumn>()
  #appender: StageAppender | undefined
  #unflushedText = 0

  constructor(connection: DuckDbConnection) {
    this.#connection = connection
  }

  get rowCount(): number {
    return this.#chunk.rowsBefore
  }

  /** One per key, in order of appearance. */
  get columns(): readonly ColumnFacts[] {
    return this.#chunk.columns.map(({ facts }) => facts)
  }

  /** Takes a row; true when {@link flush} is due. Throws `INVALID_INPUT` for what cannot be stored exactly. */
  add(row: unknown): boolean {
    this.#chunk.add(row)
    return this.#chunk.full
  }

  async flush(): Promise<void> {
    const chunk = this.#chunk
    const appender = await this.#appenderFor(chunk.columns.flatMap((column) => this.#observe(column)))
    const staged = Array.from(this.#stageColumns.values(), (column) => valuesOf(column, chunk.rowCount))
    const present = Array.from({ length: chunk.rowCount }, () => true)
    appender.append([present, ...staged], chunk.rowCount)
    this.#unflushedText += chunk.textLength
    if (this.#unflushedText >= MAX_TEXT) {
      appender.flush()
      this.#unflushedText = 0
    }
    chunk.clear()
  }

  /** Flushes the rest. Afterwards the table is complete, and exists even without rows. */
  async finish(): Promise<void> {
    await this.flush()
    this.close()
  }

  /** Closes the appender, if any, which hands its rows to the table. */
  close(): void {
    const appender = this.#appender
    this.#appender = undefined
    appender?.close()
  }

  /** The stage columns that a column's cells need and that do not exist yet. */
  #observe(source: ChunkColumn): StageColumn[] {
    const { facts, cells, index } = source
    const nullsBefore = facts.nullCount
    const found = observeCells(facts, cells, this.#chunk.rowCount, this.#chunk.rowsBefore)
    const kinds: StageKind[] = facts.nullCount > nullsBefore ? [...found, 'null'] : [...found]
    return kinds
      .filter((kind) => !this.#stageColumns.has(stageColumnName(index, kind)))
      .map((kind) => ({ source, kind }))
  }

  async #appenderFor(added: readonly StageColumn[]): Promise<StageAppender> {
    if (this.#appender !== undefined && added.length === 0) return this.#appender
    const isFirst = this.#appender === undefined
    this.close()
    for (const column of added) {
      this.#stageColumns.set(stageColumnName(column.source.index, column.kind), column)
    }
    if (isFirst) await this.#createTable(added)
    else await this.#addColumns(added)
    const types = Array.from(this.#stageColumns.values(), ({ kind }) => STAGE_TYPES[kind])
    this.#appender = await this.#connection.openAppender(STAGE_TABLE, ['BOOLEAN', ...types])
    return this.#appender
  }

  async #createTable(columns: readonly StageColumn[]): Promise<void> {
    // A table without columns is not possible, and rows may have no keys at all.
    const definitions = ['present BOOLEAN', ...columns.map(definition)]
    await this.#connection.run(`CREATE TEMP TABLE ${STAGE_TABLE} (${definitions.join(', ')})`)
  }

  async #addColumns(columns: readonly StageColumn[]): Promise<void> {
    for (const column of columns) {
      await this.#connection.run(`ALTER TABLE ${STAGE_TABLE} ADD COLUMN ${definition(column)}`)
    }
  }
}

function definition({ source, kind }: StageColumn): string {
  return `${stageColumnName(source.index, kind)} ${STAGE_TYPES[kind]}`
}

/** The cells of one kind; null or undefined where a row has another kind or nothing. */
function valuesOf({ source, kind }: StageColumn, count: number): readonly StageValue[] {
  const { cells, facts } = source
  cells.length = count
  if (kind === 'null') return cells.map((cell) => cell === null)
  // A column of one kind is taken as it is: copying it would take as long again.
  if (kind !== 'json' && facts.firstRows.size === 1) return cells as readonly StageValue[]
  return cells.map((cell) => {
    if (cell === null || cell === undefined || kindOf(cell) !== kind) return null
    return cell instanceof JsonText ? cell.text : cell
  })
}
