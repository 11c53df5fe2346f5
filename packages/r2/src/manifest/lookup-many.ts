import type { ManifestEntry } from '@umbra/core'
import type { Snapshot } from './snapshot.ts'

/** Ids of one query. */
const BATCH_IDS = 512

/** Looks any number of ids up; neighbours together, since they are in the same row groups. */
export async function lookupMany(
  snapshot: Snapshot,
  ids: readonly string[],
  since: number,
): Promise<ReadonlyMap<string, ManifestEntry>> {
  const sorted = ids.toSorted()
  const found = new Map<string, ManifestEntry>()
  for (let start = 0; start < sorted.length; start += BATCH_IDS) {
    const entries = await snapshot.lookup(sorted.slice(start, start + BATCH_IDS), since)
    for (const [id, entry] of entries) found.set(id, entry)
  }
  return found
}
