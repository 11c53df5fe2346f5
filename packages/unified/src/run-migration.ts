import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { isHalf } from './hybrid/hybrid-bucket.ts'
import type { MigrationOptions } from './migration/migration-options.ts'
import type { MigrationReport } from './migration/migration-report.ts'
import { runMigration as migrate } from './migration/run-migration.ts'

/**
 * Copies what the source has and the target has not, as the very revisions they are: same id, time, metadata, revision
 * number and bytes, so `etag` is equal on both sides. The newer revision wins and a deletion is one; what is as new, or
 * only in the target, is left. It may be ended at any moment and run again, and applications may write meanwhile: passes
 * are repeated until one finds nothing to copy.
 *
 * Between the halves of a hybrid the newer revision alone does not say which one is to stay: use `migrateHalves`. A SQLite file is
 * known as a half once an application or `umbra` used it with `STORAGE_BACKEND=hybrid`; with `isHybrid: false` the other side is another bucket than that one's.
 *
 * Both backends stay open.
 *
 * @throws what the backends throw; what was copied until then stays. `UNSUPPORTED` when one cannot list what it holds,
 * `CONFIGURATION` when one was half of a hybrid and `isHybrid` is not given.
 */
export async function runMigration(
  source: StorageBackend,
  target: StorageBackend,
  options: MigrationOptions & { readonly isHybrid?: false } = {},
): Promise<MigrationReport> {
  if (options.isHybrid !== false) {
    await assertNoHalf(source, 'source')
    await assertNoHalf(target, 'target')
  }
  return migrate(source, target, { ...options, isHybrid: false })
}

async function assertNoHalf(backend: StorageBackend, side: 'source' | 'target'): Promise<void> {
  // R2 keeps no notes of the other half.
  if (backend.bases === undefined || !(await isHalf(backend))) return
  throw new UmbraError(
    'CONFIGURATION',
    `the ${side} is half of a hybrid: use migrateHalves, or give isHybrid: false when the other side is no half of it`,
  )
}
