import { expect, it } from 'vitest'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { checkNamespace } from '../recovery/check-namespace.ts'
import {
  contextOver,
  headOf,
  keysOf,
  liveEntries,
  NAMESPACE,
  PARTS,
  startHistory,
} from '../recovery/namespace-history.fixture.ts'
import { rebuildNamespace } from '../recovery/rebuild-namespace.ts'

it('a collection leaves what a rebuild has brought back, though a garbage list of before names it', async () => {
  const history = startHistory()
  const { store } = history
  const put = (id: number) => ({ kind: 'put', id }) as const
  await history.run([put(0), put(1), put(2), { kind: 'delete', id: 0 }, put(3), put(4), put(5)])
  const [merged] = (await headOf(store)).parts
  const [, deletion] = await keysOf(store, `${PARTS}s/`)
  expect(merged).toMatchObject({ _: 'run' })
  // Nothing but the oldest segment is left, which was merged and is garbage, and so is the body of the deleted record.
  for (const key of [merged?.key, deletion]) await store.delete(key ?? '')
  const rebuilding = contextOver(store, 'rebuild')
  await rebuildNamespace(NAMESPACE, { dryRun: false }, rebuilding)
  expect([...(await liveEntries(store)).keys()]).toContain('r0')

  const context = contextOver(store, 'collector')
  await context.clock.sleep(2 * context.limits.graceMs)
  const maintenance = createMaintenance(() => new NamespaceManifest(NAMESPACE, context), context)
  const { superseded } = await maintenance.collect(NAMESPACE)
  expect(superseded).toBeGreaterThan(0)
  const { problems } = await checkNamespace(NAMESPACE, { deep: true }, contextOver(store, 'check'))
  expect(problems).toEqual([])
})
