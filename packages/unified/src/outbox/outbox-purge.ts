import { mutationId, UmbraError } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import { laneOf } from './lane-of.ts'
import type { SendContext } from './send-context.ts'
import { settleLane } from './settle-lane.ts'
import type { LaneSettlerParts } from './settle-lane.ts'

/**
 * What is to leave nothing of a record behind has the outbox to look at as well, which holds contents of its own; the outbox is the
 * last, because it writes its whole file anew, with what else is in it.
 */
export function createOutboxPurge(
  parts: LaneSettlerParts,
): (namespace: Namespace, id: string) => Promise<void> {
  const { outbox, breaker, primary } = parts.context
  return async (namespace, id) => {
    const { path } = laneOf(namespace)
    const pending = () => outbox.pendingEntry(path, id)
    await settleLane(parts, path, {
      isPending: () => pending() !== undefined,
      waits: () => (pending()?.op === 'put' ? laterWriteWaits(id) : deletionWaits(id)),
      details: { id },
    })
    assertNotListed(parts.context, namespace, id)
    await breaker.run(async () => primary.purge?.(namespace, id))
    await outbox.forget(path, id)
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
  return `the record reads as deleted, and the deletion is kept: it is sent by itself once r2 takes writes again. The content stays until then; delete again with hard after that, which removes it. id=${id}`
}

function laterWriteWaits(id: string): string {
  return `the record was written again after it was deleted, and that write is kept too: it is sent by itself once r2 takes writes again. Nothing was removed for good; if the record is to go, delete again with hard after that. id=${id}`
}
