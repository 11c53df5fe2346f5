import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { betweenHalves } from './hybrid/migration-notes.ts'
import type { MigrationOptions } from './migration/migration-options.ts'
import type { MigrationReport } from './migration/migration-report.ts'
import { runMigration } from './migration/run-migration.ts'

/**
 * As {@link runMigration}, between the halves of a hybrid, in either direction: SQLite keeps over which of R2's versions its records were made,
 * and which of them R2 has had. What one side has changed is never replaced because the other's revision is higher, and what both have
 * changed is listed as a conflict.
 *
 * Both backends stay open.
 *
 * @throws as `runMigration`; `CONFIGURATION` when neither side is SQLite.
 */
export async function migrateHalves(
  source: StorageBackend,
  target: StorageBackend,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  if (source.bases !== undefined)
    return runMigration(source, target, { ...options, ...betweenHalves(source, 'source') })
  if (target.bases !== undefined)
    return runMigration(source, target, { ...options, ...betweenHalves(target, 'target') })
  throw new UmbraError(
    'CONFIGURATION',
    'one of the halves of a hybrid is sqlite; use runMigration for others',
  )
}
