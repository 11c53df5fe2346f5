import { partsPrefix, UmbraError, withRetry } from '@umbra/core'
import type { AppendedRun, LiveSum, ManifestEntry, Namespace } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { ManifestLimits } from '../manifest/manifest-limits.ts'

export interface RunContent {
  /** How many entries there are; known once they have been read. */
  readonly rows: number
  readonly sum: LiveSum
  entries(): AsyncIterable<ManifestEntry>
}

/**
 * Writes entries as a run and stores it; nothing refers to it yet.
 *
 * @throws `CORRUPT` when the run does not hold exactly the entries; it is then not stored.
 */
export async function storeRun(
  namespace: Namespace,
  content: RunContent,
  context: ManifestContext,
): Promise<AppendedRun['part']> {
  const path = await context.cache.temporaryPath(context.runs.extension)
  const written = await context.runs.write(content.entries(), path)
  if (written === undefined || written.rows !== content.rows || written.sum !== content.sum) {
    throw new UmbraError(
      'CORRUPT',
      'a run does not hold the entries it was made of, and was not stored; import its records again, and check the disk under UMBRA_CACHE_DIR if that fails too',
      { details: { ...namespace, rows: written?.rows ?? 0, expectedRows: content.rows } },
    )
  }
  const { path: _, body, ...summary } = written
  const level = levelOf(written.rows, context.limits)
  const key = `${partsPrefix(namespace)}r/L${level}/import-${context.ids.next(context.clock.now())}.${context.runs.extension}`
  const part = { _: 'run' as const, key, level, ...summary }
  // Nobody else can name the key, so whatever has it is this very run.
  await withRetry(() => context.objects.put(key, body), context.retry)
  await context.cache.adopt({ ...part, seq: [0, 0] }, path)
  return part
}

/** The level a run of so many entries would have, had they come one by one: it is merged with its like. */
function levelOf(rows: number, { tailLines, fanOut }: ManifestLimits): number {
  return Math.max(1, Math.floor(Math.log(rows / tailLines) / Math.log(fanOut)))
}
