import { namespacePath } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { migrateBlobs } from './migrate-blobs.ts'
import type { BlobPass } from './migrate-blobs.ts'
import { migrateNamespace } from './migrate-namespace.ts'
import { createMigrationContext } from './migration-context.ts'
import type { ListedBackend, MigrationContext } from './migration-context.ts'
import { DEFAULT_MAX_PASSES } from './migration-options.ts'
import type { HybridOptions, MigrationOptions, MigrationScope } from './migration-options.ts'
import { addPass, NO_COUNTS, sumCounts } from './migration-report.ts'
import type { MigrationCounts, MigrationFinding, MigrationReport } from './migration-report.ts'
import { mapConcurrently } from './map-concurrently.ts'

/** Namespaces at a time, so that many small ones do not wait for each other. */
const PARALLEL_NAMESPACES = 4

type PassScope = MigrationScope & Pick<MigrationOptions, 'additive'>

interface Pass {
  readonly namespaces: readonly { readonly namespace: Namespace; readonly counts: MigrationCounts }[]
  readonly blobs: BlobPass | undefined
  readonly findings: readonly MigrationFinding[]
  readonly settled: boolean
}

/**
 * Copies what the source has and the target has not, in passes until one finds nothing to copy. Of the halves of a hybrid it
 * knows nothing but what it is told.
 *
 * @throws what the backends throw; what was copied until then stays. `UNSUPPORTED` when one cannot list what it holds.
 */
export async function runMigration(
  source: StorageBackend,
  target: StorageBackend,
  options: MigrationOptions & HybridOptions = {},
): Promise<MigrationReport> {
  const context = createMigrationContext(source, target, options)
  const startedAt = context.clock.now()
  const dryRun = context.dryRun
  const counting = options.onProgress && (await countProgress(context, options, options.onProgress))
  const copying = counting === undefined ? context : { ...context, advance: counting }
  const totals = new Map<string, { namespace: Namespace; counts: MigrationCounts }>()
  let blobs: MigrationCounts | undefined
  for (let passes = 1; ; passes++) {
    const pass = await runPass(copying, options)
    for (const { namespace, counts } of pass.namespaces) {
      const path = namespacePath(namespace)
      totals.set(path, { namespace, counts: addPass(totals.get(path)?.counts, counts) })
    }
    if (pass.blobs !== undefined) blobs = addPass(blobs, pass.blobs.counts)
    if (!pass.settled && !dryRun && passes < (options.maxPasses ?? DEFAULT_MAX_PASSES)) continue
    const namespaces = [...totals.values()].map(({ namespace, counts }) => ({ ...namespace, ...counts }))
    return {
      dryRun,
      namespaces,
      blobs: blobs ?? NO_COUNTS,
      total: sumCounts([...namespaces, blobs ?? NO_COUNTS]),
      findings: pass.findings,
      passes,
      settled: pass.settled,
      seconds: (context.clock.now() - startedAt) / 1_000,
    }
  }
}

/** A dry run first, to know how much there is to do. */
async function countProgress(
  context: MigrationContext,
  scope: PassScope,
  onProgress: NonNullable<MigrationOptions['onProgress']>,
): Promise<MigrationContext['advance']> {
  const plan = await runPass({ ...context, dryRun: true }, scope)
  let totalRecords = sumCounts(plan.namespaces.map(({ counts }) => counts)).copied
  let records = 0
  let bytes = 0
  onProgress({ records, totalRecords, bytes })
  return (moreRecords, moreBytes) => {
    records += moreRecords
    bytes += moreBytes
    // More may be stored while it runs.
    totalRecords = Math.max(totalRecords, records)
    onProgress({ records, totalRecords, bytes })
  }
}

async function runPass(context: MigrationContext, scope: PassScope): Promise<Pass> {
  const sides = scope.additive === true ? [context.source] : [context.source, context.target]
  const namespaces = await listNamespaces(sides, scope)
  const tallies = await mapConcurrently(namespaces, PARALLEL_NAMESPACES, (namespace) =>
    migrateNamespace(context, namespace),
  )
  // Blobs belong to no namespace and have no time.
  const isWhole = scope.module === undefined && scope.userId === undefined && scope.since === undefined
  const blobs = isWhole ? await migrateBlobs(context) : undefined
  return {
    namespaces: tallies.map(({ namespace, counts }) => ({ namespace, counts })),
    blobs,
    findings: [...tallies.flatMap(({ findings }) => findings), ...(blobs?.findings ?? [])],
    settled: tallies.every(({ settled }) => settled) && blobs?.settled !== false,
  }
}

/** Those of any side, in a stable order. */
export async function listNamespaces(
  sides: readonly ListedBackend[],
  { module, userId }: MigrationScope,
): Promise<readonly Namespace[]> {
  const found = new Map<string, Namespace>()
  for (const { inventory } of sides) {
    for await (const namespace of inventory.listNamespaces()) {
      if (module !== undefined && namespace.module !== module) continue
      if (userId !== undefined && namespace.userId !== userId) continue
      found.set(namespacePath(namespace), namespace)
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, namespace]) => namespace)
}
