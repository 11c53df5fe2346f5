import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ParquetCodec, StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { assertListed } from '../migration-context.ts'
import type { MigrationOptions } from '../migration-options.ts'
import type { MigrationReport } from '../migration-report.ts'
import { runMigration } from '../run-migration.ts'
import type { ForeignSource, Rejection } from './foreign-record.ts'
import type { ImportMirror } from './import-mirror.ts'
import { stageForeign } from './stage-foreign.ts'

export interface ImportOptions extends Pick<
  MigrationOptions,
  'concurrency' | 'dryRun' | 'onProgress' | 'signal' | 'clock'
> {
  readonly parquet: ParquetCodec
  /** Gets a copy of everything that is imported, also of what an ended import left without. */
  readonly mirror?: ImportMirror
  /** Called with each thing that cannot be taken over, as it is found. */
  readonly onRejection: (rejection: Rejection) => void
}

export interface ImportReport {
  readonly migration: MigrationReport
  /** Records whose source is the very one they were imported from before. */
  readonly unchanged: number
  readonly rejected: number
}

/**
 * Brings data of another system into a store: first converted into a temporary database, then migrated from there, with
 * everything a migration promises. What was imported before is recognised by its id; what the target has with another
 * content is a conflict, and left. It may be ended at any moment and run again.
 */
export async function importForeign(
  source: ForeignSource,
  target: StorageBackend,
  options: ImportOptions,
): Promise<ImportReport> {
  const listed = assertListed(target)
  const folder = await mkdtemp(join(tmpdir(), 'umbra-import-'))
  try {
    // Thrown away at the end, so it need not survive a power failure.
    const stage = await createSqliteBackend({ path: join(folder, 'stage.sqlite'), durability: 'relaxed' })
    try {
      let rejected = 0
      const reject = (rejection: Rejection) => {
        rejected++
        options.onRejection(rejection)
      }
      const { unchanged } = await stageForeign(source, { stage, target: listed, reject, ...options })
      const { parquet: _parquet, onRejection: _onRejection, mirror, ...migration } = options
      const report = await runMigration(stage, listed, {
        ...migration,
        additive: true,
        ...(mirror && {
          onEqual: (namespace, entries) => mirror.copyRecords(stage, namespace, entries),
        }),
      })
      if (mirror !== undefined && options.dryRun !== true)
        for await (const { path } of assertListed(stage).inventory.listBlobs()) await mirror.copyBlob(path)
      return { migration: report, unchanged, rejected }
    } finally {
      await stage.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
