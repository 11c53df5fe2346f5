import type { ObjectStore } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openSimulatedBackend, recordId, storeRecords } from '../manifest/simulated-backend.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { expectRestored } from '../recovery/damages.fixture.ts'
import {
  contextOver,
  HEAD,
  headOf,
  liveEntries,
  NAMESPACE,
  startHistory,
} from '../recovery/namespace-history.fixture.ts'
import { rebuildNamespace } from '../recovery/rebuild-namespace.ts'

const rebuild = (store: ObjectStore) => rebuildNamespace(NAMESPACE, {}, contextOver(store, 'rebuild'))

const STEPS = fc.array(
  fc.record({ kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const), id: fc.nat(11) }),
  { minLength: 1, maxLength: 30 },
)

describe('a rebuild of a lost head', () => {
  it('22. gives the same records in a new epoch, and of the deleted ones no more than the lost tail alone knew of', async () => {
    let cameBack = 0
    await fc.assert(
      fc.asyncProperty(STEPS, async (steps) => {
        const history = startHistory()
        await history.run([{ kind: 'put', id: 0 }, ...steps])
        const { header, tail } = await headOf(history.store)
        const lastOf = new Map(tail.map(({ entry }) => [entry.id, entry]))
        const deletedInTail = [...lastOf.values()].filter(({ op }) => op === 'del').map(({ id }) => id)
        await history.store.delete(HEAD)
        const { uncertain, records } = await rebuild(history.store)
        await expectRestored(history, uncertain)
        const live = await liveEntries(history.store)
        const back = [...live.keys()].filter((id) => !history.model.has(id))
        cameBack += back.length
        expect(deletedInTail).toEqual(expect.arrayContaining(back))
        // Nothing but the lost tail can have been wrong, and it was lost: nothing is certain, and it says so.
        expect([...uncertain].sort()).toEqual([...live.keys()].sort())
        const after = (await headOf(history.store)).header
        expect([after.live, records]).toEqual([live.size, live.size])
        expect(after.epoch > header.epoch).toBe(true)
      }),
      { numRuns: 80, seed: 22 },
    )
    expect(cameBack).toBeGreaterThan(0)
  })

  it('22. brings back no record that was deleted for good, though the lost tail alone knew of it', async () => {
    const store = createSimulatedStore(() => 'none')
    const writer = openSimulatedBackend(store, 'writer')
    await storeRecords(writer, 9)
    const { module, userId } = NAMESPACE
    await writer.storage.deleteData(module, userId, recordId(1), { hard: true })
    await writer.storage.deleteData(module, userId, recordId(2))
    const kept = async () =>
      (await openSimulatedBackend(store, 'reader').storage.listData(module, userId)).items.map(({ id }) => id)
    const before = await kept()
    await store.delete(HEAD)
    const { uncertain } = await writer.maintenance.rebuild(NAMESPACE)
    const after = await kept()
    expect(after).not.toContain(recordId(1))
    expect(after).toEqual(expect.arrayContaining(before))
    expect(uncertain).toContain(recordId(2))
  })
})
