import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { UmbraError } from '@umbra/core'
import { loadDuckDb } from './duckdb-api.ts'
import type { DuckDbApi, DuckDBConnection, DuckDBValue } from './duckdb-api.ts'
import { createStageAppender } from './stage-appender.ts'
import type { StageAppender, StageType } from './stage-appender.ts'
import { createValueReader } from './value-reader.ts'
import type { ValueReader } from './value-reader.ts'

/** The module itself; every other file that needs it is handed it, so that DuckDB loads only when used. */

const INTERRUPT_INTERVAL_MS = 10

export interface DuckDbSettings {
  /** Worker threads. Default 2. */
  readonly threads?: number
  /** DuckDB's own buffers, as DuckDB spells it; the process takes some 200 MB more. Default `512MB`. */
  readonly memoryLimit?: string
}

/** Up to 2,048 rows, column by column. */
export interface DuckDbBatch {
  readonly columnNames: readonly string[]
  readonly rowCount: number
  readonly columns: readonly (readonly unknown[])[]
}

/** One connection runs one statement at a time; open several to work in parallel. Errors are DuckDB's own. */
export interface DuckDbConnection {
  /** Runs one statement. `params` bind `$1`, `$2`. */
  run(sql: string, params?: readonly DuckDBValue[]): Promise<void>
  /** The rows of a statement as they are produced, in bounded memory. */
  stream(sql: string, params?: readonly DuckDBValue[]): AsyncGenerator<DuckDbBatch, void, undefined>
  /** Appends to a table whose columns have these types. */
  openAppender(table: string, types: readonly StageType[]): Promise<StageAppender>
  /** Stops the running statement, which then rejects. */
  interrupt(): void
  /** Stops the running statement and disconnects; close appenders first. Safe to call twice. */
  close(): Promise<void>
}

/** An in-memory database without network, extensions or files of its own except for spilling. */
export interface DuckDbSession {
  connect(): Promise<DuckDbConnection>
  /** Closes the connections, then the database, then removes the spill folder. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Opens a database that spills to a temporary folder when its memory limit is reached.
 *
 * @throws `CONFIGURATION` when DuckDB has no build for this platform or it is not installed.
 */
export async function openDuckDb(settings: DuckDbSettings = {}): Promise<DuckDbSession> {
  const api = await loadDuckDb()
  const spillFolder = await mkdtemp(join(tmpdir(), 'umbra-duckdb-'))
  const instance = await api.DuckDBInstance.create(':memory:', {
    threads: String(settings.threads ?? 2),
    memory_limit: settings.memoryLimit ?? '512MB',
    temp_directory: spillFolder,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connections = new Set<DuckDbConnection>()
  let closing: Promise<void> | undefined

  async function closeAll(): Promise<void> {
    await Promise.all(Array.from(connections, (connection) => connection.close()))
    instance.closeSync()
    await rm(spillFolder, { recursive: true, force: true })
  }
  return {
    async connect() {
      if (closing !== undefined)
        throw new UmbraError('UNAVAILABLE', 'the duckdb session is closed; open a new one')
      const raw = await instance.connect()
      // Otherwise timestamps with a time zone print in the host's.
      await raw.run("SET TimeZone = 'UTC'")
      const connection = wrapConnection(api, raw, () => connections.delete(connection))
      connections.add(connection)
      return connection
    },
    close: () => (closing ??= closeAll()),
  }
}

function wrapConnection(api: DuckDbApi, raw: DuckDBConnection, onClose: () => void): DuckDbConnection {
  const readValues = createValueReader(api)
  let running: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined

  /** Remembers the last statement, because disconnecting under a running one is not safe. */
  function track<T>(start: () => Promise<T>): Promise<T> {
    if (closing !== undefined)
      throw new UmbraError('UNAVAILABLE', 'the duckdb connection is closed; open a new one')
    const statement = start()
    running = statement.catch(() => undefined)
    return statement
  }
  async function disconnect(): Promise<void> {
    const settling = running.then(() => 'settled')
    let state = await Promise.race([settling, nextTurn('running')])
    while (state === 'running') {
      // Again and again, because an interrupt before a statement has really started is lost.
      raw.interrupt()
      state = await Promise.race([settling, sleep(INTERRUPT_INTERVAL_MS, 'running')])
    }
    raw.disconnectSync()
    onClose()
  }
  return {
    async run(sql, params = []) {
      await track(() => raw.run(sql, [...params]))
    },
    stream: (sql, params = []) => streamBatches(readValues, raw, { sql, params, track }),
    openAppender: (table, types) => track(() => createStageAppender(api, raw.createAppender(table), types)),
    interrupt: () => raw.interrupt(),
    close: () => (closing ??= disconnect()),
  }
}

interface StreamRequest {
  readonly sql: string
  readonly params: readonly DuckDBValue[]
  track<T>(start: () => Promise<T>): Promise<T>
}

async function* streamBatches(
  readValues: ValueReader,
  raw: DuckDBConnection,
  request: StreamRequest,
): AsyncGenerator<DuckDbBatch, void, undefined> {
  const result = await request.track(() => raw.stream(request.sql, [...request.params]))
  const columnNames = result.columnNames()
  for (;;) {
    const chunk = await request.track(() => result.fetchChunk())
    if (chunk === null || chunk.rowCount === 0) return
    const columns = columnNames.map((_, index) => readValues(chunk, index))
    yield { columnNames, rowCount: chunk.rowCount, columns }
  }
}
