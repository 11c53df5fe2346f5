import { UmbraError } from '@umbra/core'
import type { ReadOptions } from '@umbra/core'
import type { NamespaceManifest } from './namespace-manifest.ts'
import { PartGone, partMissing } from './part-gone.ts'
import type { SnapshotPinBoard } from './snapshot-pins.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * Reads a namespace as new as it was asked for. Resolves to undefined when nothing was stored in it by then.
 *
 * @throws `CONFLICT` when parts of a pinned version were collected: pin a newer one. `CORRUPT` when a part is lost that the
 * newest version refers to as well.
 */
export async function readNamespace<T>(
  manifest: NamespaceManifest,
  { pins, options }: { readonly pins: SnapshotPinBoard; readonly options: ReadOptions | undefined },
  read: (snapshot: Snapshot) => Promise<T>,
): Promise<T | undefined> {
  const consistency = options?.consistency ?? { kind: 'strong' }
  switch (consistency.kind) {
    case 'strong':
      return manifest.read(read)
    case 'bounded':
      return manifest.read(read, consistency.maxAgeMs)
    case 'pinned': {
      const snapshot = pins.get(manifest.namespace, consistency.snapshot)
      return snapshot && refuseCollected(manifest, read(snapshot))
    }
    default:
      return consistency satisfies never
  }
}

async function refuseCollected<T>(manifest: NamespaceManifest, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (!(error instanceof PartGone)) throw error
    // Nobody collects what the newest version refers to: it is lost, and to pin that version would not bring it back.
    const current = await manifest.snapshot()
    if (current?.version.head.parts.some(({ key }) => key === error.key) === true) throw partMissing(error)
    throw new UmbraError(
      'CONFLICT',
      'the pinned snapshot is too old: parts of it were collected; pin a new one',
      {
        cause: error,
      },
    )
  }
}
