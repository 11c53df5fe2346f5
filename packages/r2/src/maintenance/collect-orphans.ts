import { namespacePath, parseDataKey, partsPrefix } from '@umbra/core'
import type { ObjectInfo } from '@umbra/core'
import { anchorKey } from '../manifest/anchor.ts'
import { copiesPrefix } from '../manifest/head-copy.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import type { Snapshot } from '../manifest/snapshot.ts'
import { readGarbageChain } from './collect-garbage.ts'
import type { Collected } from './collect-garbage.ts'

/** Listed objects looked up at a time. */
const BATCH_SIZE = 1_000

/** Head copies kept for a rebuild, the newest. */
const COPIES_KEPT = 3

/**
 * Deletes what nothing ever referred to. A listing says what is old enough; then the floor is committed, so that a writer
 * that stalled since its upload cannot refer to it any more; and only what that very version, or a later one, does not
 * refer to is deleted. Without the floor every grace is too short for some writer.
 */
export async function collectOrphans(
  manifest: NamespaceManifest,
  dryRun: boolean,
  context: ManifestContext,
): Promise<Collected & { readonly bytes: number }> {
  const floor = new Date(
    context.clock.now() - context.limits.clockSkewMs - context.limits.graceMs,
  ).toISOString()
  const before = await manifest.snapshot()
  if (before === undefined) return { deleted: 0, failed: [], bytes: 0 }
  const candidates = await findOrphans(before, floor, context)
  if (candidates.length === 0 || dryRun) return summary(candidates, [])
  await context.rules.raiseFloor(manifest, floor)
  const after = await manifest.snapshot()
  if (after === undefined) return { deleted: 0, failed: [], bytes: 0 }
  const victims = await unreferred(after, candidates, context)
  const { failed } = await context.objects.deleteMany(victims.map(({ key }) => key))
  const refused = new Set(failed.map(({ key }) => key))
  return summary(
    victims.filter(({ key }) => !refused.has(key)),
    failed,
  )
}

function summary(objects: readonly ObjectInfo[], failed: Collected['failed']) {
  return { deleted: objects.length, failed, bytes: objects.reduce((total, { size }) => total + size, 0) }
}

/** Objects of the namespace older than the floor that a version does not refer to. */
async function findOrphans(
  snapshot: Snapshot,
  floor: string,
  context: ManifestContext,
): Promise<readonly ObjectInfo[]> {
  const orphans: ObjectInfo[] = []
  let batch: ObjectInfo[] = []
  const sift = async () => {
    orphans.push(...(await unreferred(snapshot, batch, context)))
    batch = []
  }
  for (const prefix of [`${namespacePath(snapshot.namespace)}/`, partsPrefix(snapshot.namespace)]) {
    for await (const object of context.objects.list(prefix)) {
      if (object.lastModified.toISOString() < floor) batch.push(object)
      if (batch.length === BATCH_SIZE) await sift()
    }
  }
  await sift()
  return orphans
}

/** Of these objects the ones that no part, no tail and no garbage list names. */
async function unreferred(
  snapshot: Snapshot,
  objects: readonly ObjectInfo[],
  context: ManifestContext,
): Promise<readonly ObjectInfo[]> {
  if (objects.length === 0) return []
  const { namespace, version } = snapshot
  const garbage = await readGarbageChain(namespace, version.head.garbage, context)
  const copies = await newestCopies(snapshot, context)
  const named = new Set([
    anchorKey(namespace),
    ...copies,
    ...version.head.parts.map(({ key }) => key),
    ...garbage.flatMap(({ pointer, keys }) => [pointer.key, ...keys]),
    ...(await bodiesOf(snapshot, objects)),
  ])
  return objects.filter(({ key }) => !named.has(key))
}

/** The body of every version of these objects' records: a replaced one is garbage, not an orphan. */
async function bodiesOf(snapshot: Snapshot, objects: readonly ObjectInfo[]): Promise<readonly string[]> {
  const ids = [...new Set(objects.flatMap(({ key }) => parseDataKey(key)?.id ?? []))]
  return (await snapshot.versionsOf(ids)).map(({ key }) => key)
}

async function newestCopies(
  { namespace }: Snapshot,
  { objects }: ManifestContext,
): Promise<readonly string[]> {
  const copies: string[] = []
  for await (const { key } of objects.list(copiesPrefix(namespace))) copies.push(key)
  return copies.slice(-COPIES_KEPT)
}
