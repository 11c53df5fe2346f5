import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { decodeJsonLines, EMPTY_SUM } from '@umbra/core'
import type { LiveSum, ManifestEntry } from '@umbra/core'
import type { LocalPart, WrittenRun } from '../manifest/run-format.ts'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import { describeRun, firstRow, sumOf } from './describe-run.ts'
import { readError, writeError } from './run-error.ts'
import { copyRunStatement, readParquet, runRows, STAGE_TABLE, STAGED_ROWS } from './run-sql.ts'
import { RunStager } from './run-stager.ts'

/** Positions of a part: more than it can have rows. */
const PART_STRIDE = 1n << 32n

/** The positions of what is not in the merged run. */
const DROPPED_TABLE = 'dropped'

/** The object keys that nothing refers to any more, in a column `key`: a table for every connection of the session. */
export const GONE_KEYS_TABLE = 'gone_keys'

export interface MergeRequest {
  readonly path: string
  readonly dropTombstonesBefore?: string
}

export interface MergeOutcome {
  readonly run: WrittenRun | undefined
  readonly droppedRows: number
  readonly droppedSum: LiveSum
}

/** On a connection of its own: its temporary tables are in use. */
export async function writeRun(
  connection: DuckDbConnection,
  entries: AsyncIterable<ManifestEntry>,
  path: string,
): Promise<WrittenRun | undefined> {
  const count = await stage(connection, (stager) => stager.addAll(entries, 0n))
  return count === 0 ? undefined : copyRun(connection, STAGED_ROWS, path)
}

/**
 * Merges in two passes: one over ids and positions finds what is dropped, one sorts the rest, so that no row is held
 * twice. The keys of dropped bodies stay in {@link GONE_KEYS_TABLE}.
 */
export async function mergeRun(
  connection: DuckDbConnection,
  parts: readonly LocalPart[],
  request: MergeRequest,
): Promise<MergeOutcome> {
  const rows = await openRows(connection, parts)
  await findDropped(connection, rows, request.dropTombstonesBefore)
  const dropped = `SELECT r.* FROM (${rows}) r SEMI JOIN ${DROPPED_TABLE} d ON r.pos = d.pos`
  const [total, droppedRows] = await firstRow(
    connection,
    `SELECT (SELECT count(*) FROM (${rows})), (SELECT count(*) FROM ${DROPPED_TABLE})`,
  )
  const remaining = `SELECT r.* FROM (${rows}) r ANTI JOIN ${DROPPED_TABLE} d ON r.pos = d.pos`
  const run = total === droppedRows ? undefined : await copyRun(connection, remaining, request.path)
  await keepGoneKeys(connection, dropped, run)
  const droppedSum = droppedRows === 0 ? EMPTY_SUM : await sumOf(connection, dropped)
  await connection.run(`DROP TABLE ${STAGE_TABLE}`)
  return { run, droppedRows: Number(droppedRows), droppedSum }
}

/** A query over all entries of all parts, each at a position that is higher the newer it is. */
async function openRows(connection: DuckDbConnection, parts: readonly LocalPart[]): Promise<string> {
  const sources = [STAGED_ROWS]
  await stage(connection, async (stager) => {
    for (const [index, part] of parts.entries()) {
      const firstPosition = BigInt(index) * PART_STRIDE
      if (part.pointer._ === 'run') {
        await requireRun(connection, part)
        sources.push(runRows(part.path, firstPosition))
      } else await stager.addAll(readSegment(part), firstPosition)
    }
  })
  return sources.join(' UNION ALL ')
}

/** Reads the footer, so that a file that is gone or broken is named before all of them are read as one. */
async function requireRun(connection: DuckDbConnection, part: LocalPart): Promise<void> {
  try {
    await connection.run(`SELECT count(*) FROM ${readParquet(part.path)}`)
  } catch (error) {
    throw readError(error, part)
  }
}

async function stage(
  connection: DuckDbConnection,
  fill: (stager: RunStager) => Promise<void>,
): Promise<number> {
  const stager = await RunStager.open(connection)
  try {
    await fill(stager)
    stager.finish()
    return stager.count
  } finally {
    stager.discard()
  }
}

/** The entries of a segment, one JSON text a line, as they were committed. */
async function* readSegment(part: LocalPart): AsyncGenerator<ManifestEntry, void, undefined> {
  try {
    for await (const line of decodeJsonLines(createReadStream(part.path))) {
      // The part's hash has shown that this library wrote the line.
      yield line as ManifestEntry
    }
  } catch (error) {
    throw readError(error, part)
  }
}

async function findDropped(
  connection: DuckDbConnection,
  rows: string,
  dropTombstonesBefore: string | undefined,
): Promise<void> {
  const isOld =
    dropTombstonesBefore === undefined
      ? 'false'
      : `op = 'del' AND coalesce(updated_at, timestamp) < make_timestamp_ms(${Date.parse(dropTombstonesBefore)})`
  await connection.run(
    `CREATE TEMP TABLE ${DROPPED_TABLE} AS SELECT pos FROM (
      SELECT pos, ${isOld} AS is_old, max(pos) OVER (PARTITION BY id) AS last FROM (${rows})
    ) WHERE pos < last OR is_old`,
  )
}

/**
 * Only puts have bodies: the key a tombstone names is that of the put it deleted, which is dropped where that put is. A
 * body that a remaining put names too is not gone.
 */
async function keepGoneKeys(
  connection: DuckDbConnection,
  dropped: string,
  run: WrittenRun | undefined,
): Promise<void> {
  const candidates = `SELECT DISTINCT "key" FROM (${dropped}) WHERE op = 'put'`
  const remaining =
    run === undefined
      ? ''
      : `ANTI JOIN (SELECT "key" FROM ${readParquet(run.path)} WHERE op = 'put') USING ("key")`
  await connection.run(`CREATE TABLE ${GONE_KEYS_TABLE} AS SELECT "key" FROM (${candidates}) ${remaining}`)
}

async function copyRun(connection: DuckDbConnection, rows: string, path: string): Promise<WrittenRun> {
  try {
    await connection.run(copyRunStatement(rows, path))
    return await describeRun(connection, path)
  } catch (error) {
    await rm(path, { force: true })
    throw writeError(error)
  }
}
