import { addSums, EMPTY_SUM, entryDigest } from '@umbra/core'
import type { ManifestEntry } from '@umbra/core'
import { expect, it } from 'vitest'
import { startRichHistory } from '../recovery/namespace-history.fixture.ts'
import { createSimulatedContext } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { NAMESPACE } from '../manifest/simulated-manifest.fixture.ts'
import { storeRun } from './store-run.ts'

it('stores no run that has lost an entry on its way to the disk, and says what to do', async () => {
  const { model } = await startRichHistory()
  const entries: readonly ManifestEntry[] = [...model.values()]
  const store = createSimulatedStore(() => 'none')
  const context = createSimulatedContext(store, 'p')
  const content = {
    rows: entries.length,
    sum: entries.map((entry) => entryDigest(entry)).reduce(addSums, EMPTY_SUM),
    entries: async function* () {
      yield* entries.slice(1)
    },
  }
  await expect(storeRun(NAMESPACE, content, context)).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringContaining('import its records again'),
    details: { rows: entries.length - 1, expectedRows: entries.length },
  })
  const left: string[] = []
  for await (const { key } of store.list('', { partialPrefix: true })) left.push(key)
  expect(left).toEqual([])
})
