import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ManifestEntry } from '@umbra/core'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import type { StageAppender, StageValue } from '../parquet/stage-appender.ts'
import { RUN_COLUMNS, stageTypeOf, toRunRow } from './run-row.ts'
import { STAGE_DEFINITION, STAGE_TABLE } from './run-sql.ts'

/** Rows that are handed over at once: some milliseconds of work. DuckDB takes 2,048 at most. */
const CHUNK_ROWS = 1024

/** Rows after which DuckDB writes what it was given to the table: its own default, 204,800, stalls the event loop. */
const FLUSH_ROWS = 8 * CHUNK_ROWS

/** Entries on their way into a table of their own. */
export class RunStager {
  readonly #appender: StageAppender
  readonly #columns: StageValue[][] = Array.from({ length: RUN_COLUMNS.length + 1 }, () => [])
  #count = 0
  #closed = false

  private constructor(appender: StageAppender) {
    this.#appender = appender
  }

  static async open(connection: DuckDbConnection): Promise<RunStager> {
    await connection.run(`CREATE TEMP TABLE ${STAGE_TABLE} (${STAGE_DEFINITION})`)
    const types = [...RUN_COLUMNS.map(stageTypeOf), 'BIGINT' as const]
    return new RunStager(await connection.openAppender(STAGE_TABLE, types))
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count
  }

  /** Adds entries at ascending positions, the first of them given. */
  async addAll(entries: AsyncIterable<ManifestEntry>, firstPosition: bigint): Promise<void> {
    let position = firstPosition
    for await (const entry of entries) {
      for (const [index, cell] of toRunRow(entry).entries()) this.#columns[index]?.push(cell)
      this.#columns.at(-1)?.push(position++)
      this.#count++
      if (this.#count % CHUNK_ROWS > 0) continue
      this.#append()
      if (this.#count % FLUSH_ROWS === 0) this.#appender.flush()
      await nextTurn()
    }
  }

  /** Afterwards the table is complete. */
  finish(): void {
    this.#append()
    this.#closed = true
    this.#appender.close()
  }

  /** Must be called before the connection is closed, also after a failure. Safe to call twice. */
  discard(): void {
    if (this.#closed) return
    this.#closed = true
    try {
      this.#appender.close()
    } catch {
      // What it could not hand over is thrown away with the table; the reason has been reported.
    }
  }

  #append(): void {
    const rowCount = this.#columns[0]?.length ?? 0
    if (rowCount > 0) this.#appender.append(this.#columns, rowCount)
    for (const column of this.#columns) column.length = 0
  }
}
