import { rm, stat } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { InFlight, isUmbraError, UmbraError } from '@umbra/core'
import type { ParquetCodec } from '@umbra/core'
import { duckDbFailure } from './duckdb-error.ts'
import { openDuckDb } from './duckdb-session.ts'
import type { DuckDbConnection, DuckDbSession, DuckDbSettings } from './duckdb-session.ts'
import { copyStatement, planFile } from './file-plan.ts'
import { readRowBatches } from './read-rows.ts'
import { RowStager } from './row-stager.ts'

type Rows = AsyncIterable<unknown> | Iterable<unknown>

/**
 * Parquet by DuckDB, which is loaded at the first write or read.
 *
 * A column gets the type that holds all its values exactly: BIGINT, DOUBLE, BOOLEAN, VARCHAR, TIMESTAMP (for
 * `Date`), STRUCT or LIST (when every row has the same keys and types inside), else JSON. Refused with
 * `INVALID_INPUT` and `details` `{ column, row, reason }`, rows counted from 0: undefined, functions, symbols,
 * bigint, class instances, invalid dates, lone surrogates, cycles, sparse arrays; a `Date` or NaN, an infinity
 * or -0 inside an object, an array, or a column with values of other kinds; more than 2,000 different keys;
 * more than 200 levels. Rejects with `TOO_LARGE` when DuckDB runs out of memory.
 *
 * Files of other writers are read too: integers beyond 2^53 as bigint, timestamps and dates as `Date` (to the
 * millisecond), decimals, times and intervals as text, bytes as `Uint8Array`, maps as lists of `{ key, value }`.
 * A damaged file rejects with `CORRUPT`, an absent one with `NOT_FOUND`.
 */
export function createParquetCodec(settings: DuckDbSettings = {}): ParquetCodec {
  let session: Promise<DuckDbSession> | undefined
  const writes = new InFlight()
  let closing: Promise<void> | undefined

  async function connect(): Promise<DuckDbConnection> {
    if (closing !== undefined) throw closedError()
    session ??= openDuckDb(settings)
    return (await session).connect()
  }
  async function write(rows: Rows, filePath: string): Promise<{ recordCount: number }> {
    const connection = await connect()
    const stager = new RowStager(connection)
    try {
      await stageRows(stager, rows)
      await copyToFile(connection, stager, filePath)
      return { recordCount: stager.rowCount }
    } catch (error) {
      discard(stager)
      throw error
    } finally {
      await connection.close()
    }
  }
  async function close(): Promise<void> {
    await writes.settled()
    await (await session)?.close()
  }
  return {
    write: (rows, filePath) => writes.track(write(rows, filePath)),
    async *read(filePath) {
      await requireFile(filePath)
      const connection = await connect()
      try {
        for await (const rows of readRowBatches(connection, filePath)) for (const row of rows) yield row
      } catch (error) {
        throw translateError(error, 'CORRUPT', 'the parquet file cannot be read; restore it from a backup')
      } finally {
        await connection.close()
      }
    },
    // Running writes finish; running reads reject.
    close: () => (closing ??= close()),
  }
}

async function stageRows(stager: RowStager, rows: Rows): Promise<void> {
  if (Symbol.asyncIterator in rows) {
    for await (const row of rows) if (stager.add(row)) await flushStager(stager)
  } else {
    for (const row of rows) if (stager.add(row)) await flushStager(stager)
  }
  try {
    await stager.finish()
  } catch (error) {
    throw translateError(error, 'INTERNAL', 'duckdb could not take the rows; see the cause')
  }
}

/** Best effort: the rows are of no use any more, and the reason for that is the error to report. */
function discard(stager: RowStager): void {
  try {
    stager.close()
  } catch {
    // What the appender could not hand over is thrown away with its table.
  }
}

async function flushStager(stager: RowStager): Promise<void> {
  try {
    await stager.flush()
  } catch (error) {
    throw translateError(error, 'INTERNAL', 'duckdb could not take the rows; see the cause')
  }
  // A chunk is some milliseconds of work; whoever else waits for the event loop goes first.
  await nextTurn()
}

async function copyToFile(connection: DuckDbConnection, stager: RowStager, filePath: string): Promise<void> {
  try {
    await connection.run(copyStatement(planFile(stager.columns, stager.rowCount), filePath))
  } catch (error) {
    await rm(filePath, { force: true })
    throw translateError(error, 'INTERNAL', 'duckdb could not write the parquet file; see the cause')
  }
}

async function requireFile(filePath: string): Promise<void> {
  try {
    await stat(filePath)
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    if (isAbsent) throw new UmbraError('NOT_FOUND', 'there is no such parquet file', { cause })
    throw new UmbraError('UNAVAILABLE', 'the parquet file cannot be opened; see the cause', { cause })
  }
}

function closedError(): UmbraError {
  return new UmbraError('UNAVAILABLE', 'the parquet codec is closed; create a new one')
}

function translateError(error: unknown, code: 'CORRUPT' | 'INTERNAL', message: string): unknown {
  if (isUmbraError(error)) return error
  const failure = duckDbFailure(error)
  if (failure === 'interrupted') return closedError()
  if (failure === 'out-of-memory') {
    const advice = 'duckdb ran out of memory; raise its memory limit or send fewer rows'
    return new UmbraError('TOO_LARGE', advice, { cause: error })
  }
  return new UmbraError(code, message, { cause: error })
}
