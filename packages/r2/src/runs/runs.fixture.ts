import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { EMPTY_SUM } from '@umbra/core'
import type { ManifestEntry, PartPointer } from '@umbra/core'
import type { LocalPart, RunFormat, WrittenRun } from '../manifest/run-format.ts'
import { createParquetRunFormat } from './parquet-run-format.ts'
import type { ParquetRunSettings } from './parquet-run-format.ts'

export interface RunBench {
  readonly format: RunFormat
  /** A path nothing has used yet. */
  readonly freshPath: () => string
  /** The entries as a part; a run must have at least one. */
  readonly run: (entries: readonly ManifestEntry[]) => Promise<LocalPart>
  readonly segment: (entries: readonly ManifestEntry[]) => Promise<LocalPart>
}

/** A run format and a folder for one test file, both gone afterwards. */
export function useRunFormat(settings: ParquetRunSettings = {}): RunBench {
  const format = createParquetRunFormat({ memoryLimit: '256MB', ...settings })
  let folder = ''
  let fileCount = 0
  beforeAll(async () => {
    // The name holds what paths can hold and patterns and SQL treat as special.
    folder = await mkdtemp(join(tmpdir(), "umbra runs' [a]*day=1-"))
  })
  afterAll(async () => {
    await format.close()
    await rm(folder, { recursive: true, force: true })
  })
  const freshPath = (): string => join(folder, `${fileCount++}.part`)
  return {
    format,
    freshPath,
    run: async (entries) => toPart(await format.write(each(entries), freshPath())),
    segment: async (entries) => {
      const path = freshPath()
      await writeFile(path, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
      return { path, pointer: { ...UNUSED_POINTER, _: 'seg', key: path } }
    },
  }
}

/** The formats read a part's path and kind only. */
const UNUSED_POINTER: PartPointer = {
  _: 'run',
  key: '',
  level: 1,
  rows: 0,
  dels: 0,
  seq: [1, 1],
  ids: ['', ''],
  at: ['', ''],
  bytes: 0,
  sha256: '',
  sum: EMPTY_SUM,
}

export function toPart(run: WrittenRun | undefined): LocalPart {
  if (run === undefined) throw new Error('nothing was written')
  return { path: run.path, pointer: { ...UNUSED_POINTER, key: run.path } }
}

export async function* each<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}

export function makeEntry(id: string, changes: Partial<ManifestEntry> = {}): ManifestEntry {
  const rev = changes.rev ?? 1
  return {
    id,
    module: 'invoices',
    user_id: 'u1',
    timestamp: '2026-01-02T03:04:05.678Z',
    data_type: 'json',
    key: `invoices/u1/2026/01/02/${id}~${rev}.json`,
    etag: 'e1',
    size: 2,
    metadata: {},
    rev,
    op: 'put',
    sha256: 'ab',
    record_count: null,
    text: id,
    ...changes,
  }
}

/** What a deletion of the entry's revision leaves, as `planCommit` writes it. */
export function makeTombstone(entry: ManifestEntry, at = '2026-02-01T00:00:00.000Z'): ManifestEntry {
  const { id, module, user_id, timestamp, data_type, key } = entry
  return {
    id,
    module,
    user_id,
    timestamp,
    data_type,
    key,
    etag: '',
    size: 0,
    metadata: {},
    rev: entry.rev + 1,
    op: 'del',
    sha256: '',
    record_count: null,
    text: '',
    updated_at: at,
  }
}
