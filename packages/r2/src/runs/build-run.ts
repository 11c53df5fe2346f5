import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { decodeJsonLines } from '@umbra/core'
import type { LiveSum, ManifestEntry } from '@umbra/core'
import type { LocalPart, WrittenRun } from '../manifest/run-format.ts'
import type { DuckDbConnection } from '../parquet/duckdb-session.ts'
import { firstRow, sumOf } from './describe-run.ts'
import { DROPPED_TABLE, mergeSlices } from './merge-slices.ts'
import { readError, writeError } from './run-error.ts'
import { readParquet, runRows, STAGE_TABLE, STAGED_ROWS } from './run-sql.ts'
import { RunStager } from './run-stager.ts'
import type { StagerOptions } from './run-stager.ts'

/** Positions of a part: more than it can have rows. */
const PART_STRIDE = 1n << 32n

/** The object keys that nothing refers to any more, in a column `key`: for every connection of the session. */
export const GONE_KEYS_TABLE = 'gone_keys'

export interface BuildRequest {
  readonly path: string
  /** Rows that are sorted and merged at once. */
  readonly sliceRows: number
}

export interface MergeRequest extends BuildRequest {
  readonly dropTombstonesBefore?: string
}

export interface MergeOutcome {
  readonly run: WrittenRun | undefined
  readonly droppedRows: number
  readonly droppedSum: LiveSum
}

/** Needs a session of its own, as {@link mergeParts} does: its tables are in use. */
export async function writeEntries(
  connection: DuckDbConnection,
  entries: AsyncIterable<ManifestEntry>,
  request: BuildRequest,
): Promise<WrittenRun | undefined> {
  const fill = async (stager: RunStager): Promise<string[]> => {
    await stager.addAll(entries, 0n)
    return []
  }
  return (await build(connection, fill, request)).run
}

/** Leaves the keys of bodies that are gone in {@link GONE_KEYS_TABLE}. */
export async function mergeParts(
  connection: DuckDbConnection,
  parts: readonly LocalPart[],
  request: MergeRequest,
): Promise<MergeOutcome> {
  const fill = async (stager: RunStager): Promise<string[]> => {
    const runs: string[] = []
    for (const [index, part] of parts.entries()) {
      const firstPosition = BigInt(index) * PART_STRIDE
      if (part.pointer._ === 'seg') await stager.addAll(readSegment(part), firstPosition)
      else runs.push(await openRun(connection, part, firstPosition))
    }
    return runs
  }
  return build(connection, fill, request)
}

/**
 * Sorts and merges a slice of ids at a time, so that memory does not depend on the number of rows. `fill` stages
 * entries and returns queries for what need not be staged; the highest position of an id is its newest entry.
 */
async function build(
  connection: DuckDbConnection,
  fill: (stager: RunStager) => Promise<readonly string[]>,
  request: MergeRequest,
): Promise<MergeOutcome> {
  const folder = `${request.path}.build`
  await mkdir(folder, { recursive: true })
  try {
    const rows = await collectRows(connection, fill, { ...request, folder })
    const run = await mergeSlices(connection, rows, { ...request, folder })
    await connection.run(`DROP TABLE ${STAGE_TABLE}`)
    await keepGoneKeys(connection, run)
    const [droppedRows] = await firstRow(connection, `SELECT count(*) FROM ${DROPPED_TABLE}`)
    return {
      run,
      droppedRows: Number(droppedRows),
      droppedSum: await sumOf(connection, `FROM ${DROPPED_TABLE}`),
    }
  } catch (error) {
    await rm(request.path, { force: true })
    throw writeError(error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function collectRows(
  connection: DuckDbConnection,
  fill: (stager: RunStager) => Promise<readonly string[]>,
  options: StagerOptions,
): Promise<string> {
  const stager = await RunStager.open(connection, options)
  try {
    const unstaged = await fill(stager)
    const staged = await stager.finish()
    return [...unstaged, ...staged].join(' UNION ALL ') || STAGED_ROWS
  } finally {
    stager.discard()
  }
}

/** Reads the footer, so that a file that is gone or broken is named before all of them are read as one. */
async function openRun(
  connection: DuckDbConnection,
  part: LocalPart,
  firstPosition: bigint,
): Promise<string> {
  try {
    await connection.run(`SELECT count(*) FROM ${readParquet(part.path)}`)
  } catch (error) {
    throw readError(error, part)
  }
  return runRows(part.path, firstPosition)
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

/**
 * Only puts have bodies: the key a tombstone names is that of the put it deleted, which is dropped where that put is. A
 * body that a remaining put names too is not gone.
 */
async function keepGoneKeys(connection: DuckDbConnection, run: WrittenRun | undefined): Promise<void> {
  const candidates = `SELECT DISTINCT "key" FROM ${DROPPED_TABLE} WHERE op = 'put'`
  const remaining =
    run === undefined
      ? ''
      : `ANTI JOIN (SELECT "key" FROM ${readParquet(run.path)} WHERE op = 'put') USING ("key")`
  await connection.run(`CREATE TABLE ${GONE_KEYS_TABLE} AS SELECT "key" FROM (${candidates}) ${remaining}`)
}
