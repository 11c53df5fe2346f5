import type { Namespace } from '@umbra/core'
import type { ManifestLimits } from '../manifest/manifest-limits.ts'

/** Bounds so small that parts are sealed, merged and read all the time. */
export const KILL_ROUND_LIMITS: Partial<ManifestLimits> = { tailLines: 8, overfull: 2, fanOut: 3 }

/** Manifests stay small, and later rounds as fast as the first. */
const ROUNDS_PER_EPOCH = 20

const MODULE = 'rounds'

/** Where the worker of a slot writes in a round: to one namespace with all others, and to one of its own. */
export function namespacesOf(slot: number, round: number): readonly Namespace[] {
  const epoch = Math.floor(round / ROUNDS_PER_EPOCH)
  return [
    { module: MODULE, userId: `epoch-${epoch}-shared` },
    { module: MODULE, userId: `epoch-${epoch}-slot-${slot}` },
  ]
}

/** Every namespace of so many rounds. */
export function allNamespaces(slots: number, rounds: number): readonly Namespace[] {
  const byUser = new Map<string, Namespace>()
  for (let round = 0; round <= rounds; round++) {
    for (let slot = 0; slot < slots; slot++) {
      for (const namespace of namespacesOf(slot, round)) byUser.set(namespace.userId, namespace)
    }
  }
  return [...byUser.values()]
}

/** Whose namespace it is; undefined when it is everybody's. */
export function slotOf({ userId }: Namespace): number | undefined {
  const slot = /slot-(\d+)$/.exec(userId)?.[1]
  return slot === undefined ? undefined : Number(slot)
}
