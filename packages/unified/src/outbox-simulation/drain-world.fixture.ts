import type { Mutation } from '@umbra/core'
import type { SimulatedProcess } from '@umbra/core/testing'
import { openSimulatedOutbox } from './open-simulated-outbox.fixture.ts'
import type { OutboxSeams } from './open-simulated-outbox.fixture.ts'
import type { OutboxWorld } from './outbox-world.fixture.ts'

const DRAIN_MS = 3_600_000

/** Sends what is in every file, one after the other, and notes what is listed as refused. */
export async function drainWorld(
  process: SimulatedProcess,
  about: { readonly world: OutboxWorld; readonly seams?: OutboxSeams; readonly drainMs?: number },
): Promise<void> {
  const { world, drainMs = DRAIN_MS } = about
  for (const file of world.files) {
    const { backend, outbox } = await openSimulatedOutbox(process, { ...about, file })
    const left = await backend.pendingWrites?.sync({ timeoutMs: drainMs })
    world.undrained += left?.pending ?? 0
    for (const { id, operation, error } of outbox.listed())
      world.refused.push({ opId: id, contents: operation.mutations.flatMap(contentOf), code: error.code })
    await backend.close()
  }
}

function contentOf(mutation: Mutation): readonly string[] {
  return mutation.kind === 'put' ? [mutation.draft.text] : []
}
