import type { LimitFunction } from 'p-limit'
import { openDuckDb } from '../parquet/duckdb-session.ts'
import type { DuckDbConnection, DuckDbSession, DuckDbSettings } from '../parquet/duckdb-session.ts'
import { closedError } from './run-error.ts'

/** More are closed after use. */
const MAX_IDLE = 4

/** The connections of one session, which is opened by the first of them. */
export class RunSession {
  readonly #settings: DuckDbSettings
  readonly #limit: LimitFunction
  readonly #idle: DuckDbConnection[] = []
  #session: Promise<DuckDbSession> | undefined
  #closing: Promise<void> | undefined

  /**
   * @param limit Admits calls into DuckDB. Each holds a thread that file reads need too, and lasts as long as its
   *   statement; between the batches of a stream nothing is held.
   */
  constructor(settings: DuckDbSettings, limit: LimitFunction) {
    this.#settings = settings
    this.#limit = limit
  }

  /** Opens the session unless it is open. A failure is met again, and reported, by `acquire`. */
  prepare(): void {
    if (this.#session !== undefined || this.#closing !== undefined) return
    this.#session = this.#open()
    this.#session.catch(() => undefined)
  }

  async acquire(): Promise<DuckDbConnection> {
    if (this.#closing !== undefined) throw closedError()
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    this.#session ??= this.#open()
    const session = await this.#session
    return admitted(await session.connect(), this.#limit)
  }

  /** Takes back a connection whose statements have been read to their end; any other must be closed instead. */
  async release(connection: DuckDbConnection): Promise<void> {
    if (this.#closing === undefined && this.#idle.length < MAX_IDLE) this.#idle.push(connection)
    else await connection.close()
  }

  /** Running statements reject. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #open(): Promise<DuckDbSession> {
    const session = await openDuckDb(this.#settings)
    const connection = await session.connect()
    // Parts never change, so a footer is parsed once.
    await connection.run('SET GLOBAL parquet_metadata_cache = true')
    // The system keeps the content of files in memory already.
    await connection.run('SET GLOBAL enable_external_file_cache = false')
    await connection.close()
    return session
  }

  async #close(): Promise<void> {
    await (await this.#session)?.close()
  }
}

function admitted(connection: DuckDbConnection, limit: LimitFunction): DuckDbConnection {
  return {
    ...connection,
    run: (sql, params) => limit(() => connection.run(sql, params)),
    async *stream(sql, params) {
      const batches = connection.stream(sql, params)
      for (;;) {
        const batch = await limit(() => batches.next())
        if (batch.done === true) return
        yield batch.value
      }
    },
  }
}
