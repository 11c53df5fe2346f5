import { recordEtag } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { putMutation } from '../manifest/simulated-context.fixture.ts'
import { truncateAt } from './damages.fixture.ts'
import {
  BODIES,
  contextOver,
  HEAD,
  keysOf,
  liveEntries,
  NAMESPACE,
  startRichHistory,
} from './namespace-history.fixture.ts'
import { rebuildNamespace } from './rebuild-namespace.ts'

const rebuild = (store: ObjectStore, dryRun = false) =>
  rebuildNamespace(NAMESPACE, { dryRun }, contextOver(store, 'rebuild'))

/** The last line is gone, and the first one still counts what there was. All deletions are in parts. */
async function startDamaged() {
  const history = await startRichHistory()
  await history.run([30, 31, 32].map((id) => ({ kind: 'put', id })))
  await truncateAt(history.store, HEAD, 0.99)
  return history
}

describe('a write that was refused because the manifest is damaged', () => {
  it('is not there, until a rebuild finds its body: then it is, and listed as uncertain', async () => {
    const { store, model } = await startDamaged()
    const manifest = new NamespaceManifest(NAMESPACE, contextOver(store, 'late'))
    const known = model.get('r1')
    const update = putMutation('r1', '"refused"', known && recordEtag(known))
    for (const mutation of [putMutation('r40', '"refused"'), update])
      await expect(manifest.commit([mutation])).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(liveEntries(store)).rejects.toMatchObject({ code: 'CORRUPT' })

    const planned = await rebuild(store, true)
    expect(planned.uncertain).toEqual(expect.arrayContaining(['r1', 'r40']))
    expect(await rebuild(store)).toEqual({ ...planned, dryRun: false })
    const live = await liveEntries(store)
    expect(live.get('r40')).toMatchObject({ rev: 1, size: 9 })
    expect(live.get('r1')).toMatchObject({ rev: 2, size: 9 })
    // What was acknowledged before it is there until the next collection.
    expect(await keysOf(store, BODIES)).toContain(known?.key)
  })

  it('is what makes a rebuild uncertain that otherwise proves that nothing is missing', async () => {
    const { store } = await startDamaged()
    expect(await rebuild(store, true)).toMatchObject({ records: 25, uncertain: [] })
  })

  it('of a writer that counts for itself is told by its etag, when it is sent again after a rebuild that has adopted it', async () => {
    const { store } = await startRichHistory()
    const manifest = new NamespaceManifest(NAMESPACE, contextOver(store, 'sender'))
    const operation = (n: number) => ({
      n,
      opId: `op-${n}`,
      queuedAt: contextOver(store, 'clock').clock.now(),
      mutations: [putMutation(`r${40 + n}`, `"by ${n}"`)],
    })
    const first = { writer: 'outbox', mark: undefined, operations: [operation(1)] }
    const { mark } = await manifest.commitNumbered(first)
    await truncateAt(store, HEAD, 0.99)
    const second = { writer: 'outbox', mark, attempted: true, operations: [operation(2)] }
    await expect(manifest.commitNumbered(second)).rejects.toMatchObject({ code: 'CORRUPT' })
    await rebuild(store)
    const adopted = (await liveEntries(store)).get('r42')
    const later = new NamespaceManifest(NAMESPACE, contextOver(store, 'later'))
    // Then it takes a new name, and compares what is there with what it sends.
    await expect(later.commitNumbered(second)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'writer-forgotten' },
    })
    const { outcomes } = await later.commitNumbered({
      ...first,
      writer: 'renamed',
      operations: second.operations,
    })
    expect(outcomes).toMatchObject([
      {
        kind: 'rejected',
        error: { code: 'ALREADY_EXISTS', details: { currentEtag: adopted && recordEtag(adopted) } },
      },
    ])
    expect(adopted).toMatchObject({ rev: 1, op: 'put' })
  })
})
