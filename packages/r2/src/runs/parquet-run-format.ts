import pLimit from 'p-limit'
import { InFlight } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import type { LocalPart, MergedRun, RunFormat } from '../manifest/run-format.ts'
import type { DuckDbConnection, DuckDbSettings } from '../parquet/duckdb-session.ts'
import { GONE_KEYS_TABLE, mergeParts, writeEntries } from './build-run.ts'
import { lookupIds, readRun, scanRun } from './read-run.ts'
import { closedError, readError, writeError } from './run-error.ts'
import { RunSession } from './run-session.ts'
import { exactText } from './run-sql.ts'

/** Node reads files with four threads; statements that held them all would stop every download and upload. */
const MAX_RUNNING_STATEMENTS = 2

/** Some 20 MB of entries, with all their text and metadata at most 300 MB. */
const DEFAULT_SLICE_ROWS = 32_768

/** Merges of 1,000,000 entries fit; there are two databases while one runs. */
const DEFAULT_MEMORY_LIMIT = '256MB'

/** `memoryLimit` is that of each database and defaults to 256MB. */
export interface ParquetRunSettings extends DuckDbSettings {
  /** Rows that are sorted and merged at once: what bounds the memory of writing and merging. Default 32,768. */
  readonly sliceRows?: number
}

/**
 * Runs as Parquet files that any reader of Parquet understands: zstd, sorted by id, a column per field of an entry,
 * `metadata` as JSON text, times to the millisecond, in row groups small enough for point lookups.
 *
 * DuckDB is loaded at the first use. Reads share one database; a write or merge has one of its own, with the same
 * settings, one at a time; at most two statements run at once. Rejects with `NOT_FOUND` when a part's file is gone (open
 * the part again), `CORRUPT` when it cannot be read, `CONFIGURATION` when DuckDB runs out of memory, `UNAVAILABLE` once closed.
 * Entries that a file cannot hold exactly are refused: see `toRunRow`.
 */
export function createParquetRunFormat(settings: ParquetRunSettings = {}): RunFormat {
  const { sliceRows = DEFAULT_SLICE_ROWS, memoryLimit = DEFAULT_MEMORY_LIMIT } = settings
  const duckDbSettings: DuckDbSettings = { ...settings, memoryLimit }
  const statements = pLimit(MAX_RUNNING_STATEMENTS)
  // So that one place is always left for reads.
  const builds = pLimit(1)
  const reads = new RunSession(duckDbSettings, statements)
  const merges = new Set<RunSession>()
  const running = new InFlight()
  let closing: Promise<void> | undefined

  /** Runs `use` on a database of its own, which is left open only when it says so. */
  async function build<T>(
    use: (connection: DuckDbConnection, session: RunSession) => Promise<T>,
  ): Promise<T> {
    const session = new RunSession(duckDbSettings, statements)
    merges.add(session)
    try {
      return await use(await session.acquire(), session)
    } catch (error) {
      await closeBuild(session)
      throw writeError(error)
    }
  }
  async function closeBuild(session: RunSession): Promise<void> {
    merges.delete(session)
    await session.close()
  }
  async function write(entries: AsyncIterable<ManifestEntry>, path: string) {
    return build(async (connection, session) => {
      const run = await writeEntries(connection, entries, { path, sliceRows })
      await closeBuild(session)
      return run
    })
  }
  async function merge(
    parts: readonly LocalPart[],
    request: Parameters<RunFormat['merge']>[1],
  ): Promise<MergedRun> {
    return build(async (connection, session) => {
      const { run, droppedRows, droppedSum } = await mergeParts(connection, parts, { ...request, sliceRows })
      const keys = () => readKeys(session)
      return {
        run,
        dropped: { rows: droppedRows, sum: droppedSum, keys },
        dispose: () => closeBuild(session),
      }
    })
  }
  async function enqueue<T>(start: () => Promise<T>): Promise<T> {
    if (closing !== undefined) throw closedError()
    return running.track(builds(start))
  }
  async function close(): Promise<void> {
    await running.settled()
    await Promise.all([reads, ...merges].map((session) => session.close()))
  }
  return {
    extension: 'parquet',
    prepare() {
      if (closing === undefined) reads.prepare()
    },
    write: (entries, path) => enqueue(() => write(entries, path)),
    merge: (parts, request) => enqueue(() => merge(parts, request)),
    async lookup(part, ids) {
      const connection = await reads.acquire()
      try {
        const found = await lookupIds(connection, part, ids)
        await reads.release(connection)
        return found
      } catch (error) {
        await connection.close()
        throw readError(error, part)
      }
    },
    scan: (part, scan) => readWith(reads, part, (connection) => scanRun(connection, part, scan)),
    readAll: (part) => readWith(reads, part, (connection) => readRun(connection, part)),
    // Running writes and merges finish; running reads reject.
    close: () => (closing ??= close()),
  }
}

async function* readKeys(session: RunSession): AsyncGenerator<string, void, undefined> {
  const connection = await session.acquire()
  try {
    const sql = `SELECT ${exactText('"key"')} FROM ${GONE_KEYS_TABLE}`
    for await (const { columns } of connection.stream(sql)) {
      for (const key of columns[0] ?? []) yield String(key)
    }
  } finally {
    await connection.close()
  }
}

async function* readWith(
  session: RunSession,
  part: LocalPart,
  read: (connection: DuckDbConnection) => AsyncIterable<ManifestEntry>,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const connection = await session.acquire()
  let finished = false
  try {
    yield* read(connection)
    finished = true
  } catch (error) {
    throw readError(error, part)
  } finally {
    // A statement that was not read to its end runs on until its connection is closed.
    if (finished) await session.release(connection)
    else await connection.close()
  }
}
