import { headKey, UmbraError } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { expect, it } from 'vitest'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createSimulatedContext, putMutation } from './simulated-context.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }

it('a writer that was told of no limit finds it by the first refusal, and waits by itself from then on', async () => {
  const store = createSimulatedStore(() => 'none')
  let refusals = 0
  let writtenAt = Number.NEGATIVE_INFINITY
  const objects: ObjectStore = {
    ...store,
    async put(key, ...rest) {
      if (key !== headKey(NAMESPACE)) return store.put(key, ...rest)
      if (context.clock.now() - writtenAt < 1_000) {
        refusals++
        throw new UmbraError('RATE_LIMITED', 'too many writes of this key')
      }
      writtenAt = context.clock.now()
      return store.put(key, ...rest)
    },
  }
  const context = createSimulatedContext(objects, 'w-', { headIntervalMs: 0 })
  const manifest = new NamespaceManifest(NAMESPACE, context)
  for (const id of ['a', 'b', 'c', 'd', 'e']) await manifest.commit([putMutation(id, 'text')])
  expect(store.history(headKey(NAMESPACE))).toHaveLength(5)
  expect(refusals).toBe(1)
})
