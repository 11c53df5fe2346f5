import { importInBatches } from '@umbra/core'
import type { BulkImport } from '@umbra/core'
import { laneOf } from './lane-of.ts'
import { probeStore } from './probe-store.ts'
import { settleLane } from './settle-lane.ts'
import type { LaneSettlerParts } from './settle-lane.ts'

const WAITS = 'writes of this module and user wait in the outbox; import again when they are stored (sync)'

/**
 * Imports go past the outbox: what is imported is committed, or not stored. So that they stay behind the writes that were
 * acknowledged before them, they wait for those; and nothing is taken from their source before the store has answered.
 */
export function createOutboxImport(parts: LaneSettlerParts): BulkImport {
  const { outbox, breaker, primary, lastSeen } = parts.context
  return {
    async importRecords(namespace, records, onCommitted) {
      const { path } = laneOf(namespace)
      const isPending = () => outbox.pendingEntries(path).size > 0
      await settleLane(parts, path, { isPending, waits: () => WAITS })
      await lastSeen.seeing(path, async () => {
        await breaker.run(() => probeStore(primary, namespace))
        await (primary.bulk?.importRecords(namespace, records, onCommitted) ??
          importInBatches(primary, namespace, { records, note: onCommitted }))
      })
    },
  }
}
