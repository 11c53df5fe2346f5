import { partsPrefix } from '@umbra/core'
import { expect, it } from 'vitest'
import { MANIFEST_LIMITS } from './manifest-limits.ts'
import { NamespaceManifest } from './namespace-manifest.ts'
import { createSimulatedContext, putMutation } from './simulated-context.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 4, fanOut: 100, maxParts: 100 }

it('of four processes that write by turns one seals the tail, and none stores a segment in vain', async () => {
  const store = createSimulatedStore(() => 'none')
  const writers = ['p', 'q', 'r', 's'].map(
    (name) => new NamespaceManifest(NAMESPACE, createSimulatedContext(store, name, { limits: LIMITS })),
  )
  for (let n = 0; n < 40; n++) await writers[n % 4]?.commit([putMutation(`r${n}`, 'text')])
  for (const writer of writers) await writer.finish()
  const referred = (await writers[0]?.snapshot())?.version.head.parts.map(({ key }) => key)
  const stored: string[] = []
  for await (const { key } of store.list(`${partsPrefix(NAMESPACE)}s/`)) stored.push(key)
  expect(stored.length).toBeGreaterThan(3)
  expect(stored.toSorted()).toEqual(referred?.toSorted())
})
