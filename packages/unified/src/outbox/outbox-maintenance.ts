import { mutationId, UmbraError } from '@umbra/core'
import type { Namespace, NamespaceMaintenance } from '@umbra/core'
import { laneOf } from './lane-of.ts'
import type { SendContext } from './send-context.ts'
import { settleLane } from './settle-lane.ts'
import type { LaneSettlerParts } from './settle-lane.ts'

/**
 * Upkeep of the store, as it is; only what is to leave nothing of a record behind has the outbox to look at as well, which
 * holds contents of its own.
 */
export function createOutboxMaintenance(
  maintenance: NamespaceMaintenance,
  parts: LaneSettlerParts,
): NamespaceMaintenance {
  const { outbox, breaker } = parts.context
  return {
    ...maintenance,
    async purge(namespace, id) {
      const { path } = laneOf(namespace)
      const isPending = () => outbox.pendingEntry(path, id) !== undefined
      await settleLane(parts, path, { isPending, waits: deletionWaits(id), details: { id } })
      assertNotListed(parts.context, namespace, id)
      await breaker.run(() => maintenance.purge(namespace, id))
      await outbox.forget(path, id)
    },
  }
}

/** What was refused is somebody's to decide: dropping it is their word, not a side effect. */
function assertNotListed({ outbox }: SendContext, namespace: Namespace, id: string): void {
  const { path } = laneOf(namespace)
  const holding = outbox
    .listed()
    .filter(({ lane }) => lane.path === path)
    .filter(({ operation }) =>
      operation.mutations.some((one) => one.kind === 'put' && mutationId(one) === id),
    )
  if (holding.length === 0) return
  throw new UmbraError(
    'CONFLICT',
    `a refused write still holds a version of the record; discard it (conflicts, resolveConflict), then delete again with hard. id=${id}`,
    { details: { id, reason: 'listed', conflicts: holding.map((one) => one.id) } },
  )
}

function deletionWaits(id: string): string {
  return `the record is deleted, but r2 does not know it yet, so its content is still there; delete again with hard when r2 is back. id=${id}`
}
