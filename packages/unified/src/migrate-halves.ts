import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { betweenHalves } from './hybrid/migration-notes.ts'
import type { MigrationOptions } from './migration/migration-options.ts'
import type { MigrationReport } from './migration/migration-report.ts'
import { runMigration } from './migration/run-migration.ts'

/**
 * As `runMigration`, between the halves of a hybrid, in either direction: SQLite keeps over which of R2's versions its records were made,
 * and which of them R2 has had. What one side has changed is never replaced because the other's revision is higher, and what both have
 * changed is listed as a conflict.
 *
 * Both backends stay open.
 *
 * @throws what the backends throw; what was copied until then stays. `UNSUPPORTED` when one cannot list what it holds, `CONFIGURATION` when not
 * exactly one of them is SQLite.
 */
export async function migrateHalves(
  source: StorageBackend,
  target: StorageBackend,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  const isSource = source.bases !== undefined
  if (isSource === (target.bases !== undefined))
    throw new UmbraError(
      'CONFIGURATION',
      'one of the halves of a hybrid is sqlite; use runMigration for others',
    )
  const notes = isSource ? betweenHalves(source, 'source') : betweenHalves(target, 'target')
  return runMigration(source, target, { ...options, ...notes })
}
