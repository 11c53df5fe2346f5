import type { ObjectStore } from '@umbra/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkNamespace } from './check-namespace.ts'
import { DAMAGES, expectRestored } from './damages.fixture.ts'
import { contextOver, liveEntries, LONG_AGO, NAMESPACE, startHistory } from './namespace-history.fixture.ts'
import { rebuildNamespace } from './rebuild-namespace.ts'

const rebuild = (store: ObjectStore, dryRun = false) =>
  rebuildNamespace(NAMESPACE, { dryRun }, contextOver(store, 'rebuild'))

const check = (store: ObjectStore) => checkNamespace(NAMESPACE, { deep: true }, contextOver(store, 'check'))

const STEPS = fc.array(
  fc.record({ kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const), id: fc.nat(11) }),
  { minLength: 1, maxLength: 30 },
)

describe('a rebuild of any history', () => {
  it.each(Object.keys(DAMAGES))('brings back every record after %s, and the check is clean', async (name) => {
    await fc.assert(
      fc.asyncProperty(STEPS, fc.nat(1_000), async (steps, pick) => {
        const history = startHistory()
        await history.run([{ kind: 'put', id: 0 }, ...steps])
        await DAMAGES[name]?.(history.store, pick)
        const before = await check(history.store)
        // Without a part there was nothing to damage, and not every backup can be told from the last version.
        fc.pre(before.problems.some(({ kind }) => kind !== 'orphans'))
        const report = await rebuild(history.store)
        expect((await check(history.store)).problems).toEqual([])
        await expectRestored(history, report.uncertain)
        expect(report.records).toBe((await liveEntries(history.store)).size)
      }),
      { numRuns: 250 },
    )
  })

  // Where the newest copy is lost too, only the objects' times could tell such a record from the one before it.
  it.each(['a deleted head', 'a truncated head', 'a lost part', 'a truncated part'])(
    'brings back after %s also what was created again when its tombstone had been dropped',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(STEPS, fc.nat(1_000), async (steps, pick) => {
          const history = startHistory({ deletedAt: LONG_AGO })
          await history.run([{ kind: 'put', id: 0 }, ...steps])
          await DAMAGES[name]?.(history.store, pick)
          fc.pre((await check(history.store)).problems.some(({ kind }) => kind !== 'orphans'))
          const { uncertain } = await rebuild(history.store)
          expect((await check(history.store)).problems).toEqual([])
          await expectRestored(history, uncertain)
        }),
        { numRuns: 80 },
      )
    },
  )
})
