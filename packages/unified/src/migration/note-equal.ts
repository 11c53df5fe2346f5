import type { ManifestEntry, Namespace } from '@umbra/core'
import type { MigrationContext } from './migration-context.ts'
import { settleEqual } from './version-bases.ts'

/** Of entries that are the same on both sides: copied, or found so. */
export async function noteEqual(
  { source, target, isHybrid, onEqual }: MigrationContext,
  namespace: Namespace,
  entries: readonly ManifestEntry[],
): Promise<void> {
  if (isHybrid) for (const side of [source, target]) await settleEqual(side, namespace, entries)
  await onEqual(namespace, entries)
}
