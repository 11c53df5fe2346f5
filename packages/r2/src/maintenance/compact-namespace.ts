import type { CompactReport, MaintenanceOptions, PartPointer } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { mergeParts } from '../manifest/merge-parts.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { sealTail } from '../manifest/seal-tail.ts'
import type { Snapshot } from '../manifest/snapshot.ts'

/** Another process may merge the same parts at the same time; then its result counts and ours is tried again. */
const MAX_TRIES = 3

/** Moves the tail to a segment and merges all parts into one run. */
export async function compactNamespace(
  manifest: NamespaceManifest,
  { dryRun = false }: MaintenanceOptions,
  context: ManifestContext,
): Promise<CompactReport> {
  const before = (await manifest.snapshot())?.version.head
  const partsBefore = before?.parts.length ?? 0
  const report = (partsAfter: number): CompactReport => ({ partsBefore, partsAfter, dryRun })
  if (before === undefined || (partsBefore === 0 && before.tail.length === 0)) return report(0)
  if (dryRun) return report(1)
  await mergeFrom(manifest, () => 0, context)
  return report((await manifest.snapshot())?.version.head.parts.length ?? 0)
}

/** Merges everything from one part on, the tail included. `first` tells its place, or undefined: there is nothing to merge. */
export async function mergeFrom(
  manifest: NamespaceManifest,
  first: (snapshot: Snapshot) => number | undefined,
  context: ManifestContext,
): Promise<readonly PartPointer[]> {
  const { namespace } = manifest
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    let head = (await manifest.snapshot())?.version.head
    if (head !== undefined && head.tail.length > 0) {
      const sealing = head
      await manifest.publish({ swap: () => sealTail(namespace, sealing, context) })
    }
    const snapshot = await manifest.snapshot()
    const start = snapshot && first(snapshot)
    head = snapshot?.version.head
    if (start === undefined || head === undefined) return []
    const merging = head
    const inputs = head.parts.slice(start)
    if (inputs.length === 0) return []
    await manifest.publish({ swap: () => mergeParts(namespace, { head: merging, inputs }, context) })
    const left = new Set((await manifest.snapshot())?.version.head.parts.map(({ key }) => key))
    if (inputs.every(({ key }) => !left.has(key))) return inputs
  }
  return []
}
