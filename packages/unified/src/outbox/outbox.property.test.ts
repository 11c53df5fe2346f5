import { hasErrorCode, manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { Fate, FakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

interface WriteStep {
  readonly kind: 'store' | 'update' | 'delete'
  readonly id: string
  readonly fates: readonly Fate[]
}

type Step =
  | WriteStep
  | { readonly kind: 'restart' | 'sync' }
  | { readonly kind: 'usually'; readonly fate: Fate }

const fate = fc.constantFrom<Fate>('ok', 'ok', 'down', 'lost', 'forbidden')

function stepOver(...ids: readonly string[]): fc.Arbitrary<Step> {
  const writeStep = fc.record({
    kind: fc.constantFrom('store', 'update', 'update', 'delete'),
    id: fc.constantFrom(...ids),
    fates: fc.array(fate, { maxLength: 3 }),
  })
  return fc.oneof(
    { weight: 8, arbitrary: writeStep },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'sync') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('usually' as const), fate }) },
  )
}

/**
 * One client whose every write names what it replaces, on a store that loses requests and answers: what the store holds in
 * the end is what a plain list of the writes says, and nobody is told of a conflict, because there was nobody to conflict
 * with.
 */
async function differences(steps: readonly Step[], store: FakeStore): Promise<string[]> {
  const folder = await createStorageFolder()
  const model = new Map<string, number>()
  const found: string[] = []
  let accepted = 0
  let storage = await openBehindOutbox(store, folder.sqlitePath)
  try {
    for (const [data, one] of steps.entries()) {
      if (one.kind === 'usually') store.usually = one.fate
      else if (one.kind === 'sync') await storage.sync({ timeoutMs: 40 })
      else if ('fates' in one) {
        store.fates.push(...one.fates)
        if (await write(storage, model, { ...one, data })) accepted++
      } else {
        await storage.close()
        storage = await openBehindOutbox(store, folder.sqlitePath)
      }
    }
    store.fates.length = 0
    store.usually = 'ok'
    const { pending } = await storage.sync({ timeoutMs: 5_000 })
    if (pending > 0) found.push(`${pending} never sent`)
    for (const { error, recordIds } of await storage.conflicts())
      found.push(`conflict over ${recordIds.join()}: ${error.message}`)
    const held = await manageBackend(store.direct).retrieveData('m', 'u')
    const expected = sortedJson([...model])
    const actual = sortedJson(held.map(({ id, data }) => [id, data]))
    if (actual !== expected) found.push(`holds ${actual}, should hold ${expected}`)
    if (new Set(store.applied).size !== store.applied.length) found.push('applied twice')
    if (store.applied.length !== accepted) found.push(`${accepted} accepted, ${store.applied.length} applied`)
  } finally {
    await storage.close()
    await folder.remove()
  }
  return found
}

function sortedJson(rows: readonly (readonly unknown[])[]): string {
  return JSON.stringify(rows.map((row) => JSON.stringify(row)).toSorted((a, b) => (a < b ? -1 : 1)))
}

/** Whether the write was accepted. One that could not even read what it is to replace is not. */
async function write(
  storage: StorageManager,
  model: Map<string, number>,
  { kind, id, data }: { kind: WriteStep['kind']; id: string; data: number },
): Promise<boolean> {
  if (model.has(id) === (kind === 'store')) return false
  try {
    if (kind === 'store') await storage.storeData({ ...AT, id, data })
    else if (kind === 'update') await storage.updateData({ ...AT, recordId: id, data })
    else await storage.deleteData('m', 'u', id)
  } catch (error) {
    if (hasErrorCode(error, 'UNAVAILABLE', 'FORBIDDEN', 'OUTCOME_PENDING')) return false
    throw error
  }
  if (kind === 'delete') model.delete(id)
  else model.set(id, data)
  return true
}

it('applies every accepted write exactly once and in order, whatever becomes of requests and answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepOver('a', 'b', 'c'), { minLength: 3, maxLength: 25 }), async (steps) => {
      expect(await differences(steps, createFakeStore())).toEqual([])
    }),
    { numRuns: 60 },
  )
}, 120_000)

it('does so too to a record that was deleted before, whose next revision the outbox cannot know', async () => {
  const before: Step[] = [
    { kind: 'store', id: 'a', fates: [] },
    { kind: 'delete', id: 'a', fates: [] },
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(stepOver('a'), { minLength: 3, maxLength: 10 }), async (steps) => {
      expect(await differences([...before, ...steps], createFakeStore())).toEqual([])
    }),
    { numRuns: 150 },
  )
}, 120_000)

it('would not without the watermark: the check of this test is one that can fail', async () => {
  const store = createFakeStore()
  store.looksAtWatermarks = false
  const steps: Step[] = [{ kind: 'store', id: 'a', fates: ['lost'] }, { kind: 'sync' }]
  expect(await differences(steps, store)).toEqual([expect.stringContaining('conflict over a')])
})
