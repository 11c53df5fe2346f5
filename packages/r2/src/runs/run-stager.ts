import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ManifestEntry } from '@umbra/core'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import type { StageAppender, StageType, StageValue } from '../parquet/stage-appender.ts'
import { RUN_COLUMNS, stageTypeOf, toRunRow } from './run-row.ts'
import { copyStatement, positionedRows, STAGE_DEFINITION, STAGE_TABLE, STAGED_ROWS } from './run-sql.ts'

/** Rows that are handed over at once: some milliseconds of work. DuckDB takes 2,048 at most. */
const CHUNK_ROWS = 512

/** DuckDB moves rows to the table by itself only every 204,800, and then stalls the event loop. */
const FLUSH_ROWS = 8 * CHUNK_ROWS

const STAGE_TYPES: readonly StageType[] = [...RUN_COLUMNS.map(stageTypeOf), 'BIGINT']

export interface StagerOptions {
  /** Where to put what is more than `sliceRows`. */
  readonly folder: string
  readonly sliceRows: number
}

/** Entries on their way into a run: a table of bounded size and, when there are more, sorted files in a folder. */
export class RunStager {
  readonly #connection: DuckDbConnection
  readonly #options: StagerOptions
  readonly #columns: StageValue[][] = STAGE_TYPES.map(() => [])
  readonly #files: string[] = []
  #appender: StageAppender | undefined
  #staged = 0

  private constructor(connection: DuckDbConnection, options: StagerOptions) {
    this.#connection = connection
    this.#options = options
  }

  static async open(connection: DuckDbConnection, options: StagerOptions): Promise<RunStager> {
    await connection.run(`CREATE TEMP TABLE ${STAGE_TABLE} (${STAGE_DEFINITION})`)
    return new RunStager(connection, options)
  }

  /** Adds entries at ascending positions, the first of them given. */
  async addAll(entries: AsyncIterable<ManifestEntry>, firstPosition: bigint): Promise<void> {
    let position = firstPosition
    for await (const entry of entries) {
      for (const [index, cell] of toRunRow(entry).entries()) this.#columns[index]?.push(cell)
      this.#columns.at(-1)?.push(position++)
      if (this.#waiting >= Math.min(CHUNK_ROWS, this.#options.sliceRows)) await this.#append()
    }
  }

  /** Queries that together select every row with its position; the table must stay until they have run. */
  async finish(): Promise<string[]> {
    if (this.#waiting > 0) await this.#append()
    this.#closeAppender()
    const files = this.#files.map(positionedRows)
    return this.#staged > 0 ? [...files, STAGED_ROWS] : files
  }

  /** Must be called before the connection is closed, also after a failure. Safe to call twice. */
  discard(): void {
    try {
      this.#closeAppender()
    } catch {
      // What it could not hand over is thrown away with the table; the reason has been reported.
    }
  }

  get #waiting(): number {
    return this.#columns[0]?.length ?? 0
  }

  async #append(): Promise<void> {
    this.#appender ??= await this.#connection.openAppender(STAGE_TABLE, STAGE_TYPES)
    this.#appender.append(this.#columns, this.#waiting)
    this.#staged += this.#waiting
    for (const column of this.#columns) column.length = 0
    if (this.#staged % FLUSH_ROWS === 0) this.#appender.flush()
    if (this.#staged >= this.#options.sliceRows) await this.#spill()
    // Whoever else waits for the event loop goes first.
    await nextTurn()
  }

  async #spill(): Promise<void> {
    this.#closeAppender()
    const path = join(this.#options.folder, `staged-${this.#files.length}.parquet`)
    await this.#connection.run(
      copyStatement(`${STAGED_ROWS} ORDER BY id`, { path, compression: 'uncompressed' }),
    )
    await this.#connection.run(`TRUNCATE ${STAGE_TABLE}`)
    this.#files.push(path)
    this.#staged = 0
  }

  #closeAppender(): void {
    const appender = this.#appender
    this.#appender = undefined
    appender?.close()
  }
}
