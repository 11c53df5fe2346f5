import { hasErrorCode, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareStores } from '../migration/compare-stores.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { Fate, FakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

const AT = { module: 'm', userId: 'u' }

interface WriteStep {
  readonly kind: 'store' | 'update' | 'delete' | 'alone'
  readonly id: string
  readonly fates: readonly Fate[]
}

type Step =
  | WriteStep
  | { readonly kind: 'restart' | 'sync' | 'full' | 'room' }
  | { readonly kind: 'usually'; readonly fate: Fate }

const fate = fc.constantFrom<Fate>('ok', 'ok', 'down', 'lost')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('store', 'update', 'update', 'delete', 'alone'),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      fates: fc.array(fate, { maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'sync', 'full', 'room') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('usually' as const), fate }) },
)

interface World {
  readonly store: FakeStore
  readonly path: string
  /** While it is full SQLite takes no copies. */
  readonly disk: { full: boolean }
  readonly model: Map<string, number>
  /** Ids that hybrid has never changed. */
  readonly alone: Set<string>
  readonly used: Set<string>
}

async function openHybrid(world: World): Promise<StorageManager> {
  const { store, path } = world
  const sqlite = await createSqliteBackend({ path })
  const client = store.client()
  const primary: StorageBackend = {
    ...client,
    async commit(...about) {
      if (store.usually === 'down') throw new UmbraError('UNAVAILABLE', 'the fake is down')
      return client.commit(...about)
    },
  }
  const secondary = withFullDisk(world.disk)(sqlite)
  const outbox = await openOutbox({ path })
  return manageBackend(createHybridWithOutbox({ primary, secondary, outbox, policy: QUICK }))
}

/** Changes what is only in SQLite, as an application on SQLite alone: an id nobody used before, or one it made itself. */
async function writeAlone({ path, model, alone, used }: World, id: string, data: number): Promise<void> {
  if (used.has(id) && !alone.has(id)) return
  const storage = manageBackend(await createSqliteBackend({ path }))
  if (!model.has(id)) {
    await storage.storeData({ ...AT, id, data })
    model.set(id, data)
    alone.add(id)
  } else {
    await storage.deleteData('m', 'u', id)
    model.delete(id)
  }
  used.add(id)
  await storage.close()
}

async function write(storage: StorageManager, { model, alone, used }: World, one: WriteStep, data: number) {
  const { kind, id } = one
  if (model.has(id) === (kind === 'store')) return
  alone.delete(id)
  used.add(id)
  try {
    if (kind === 'store') await storage.storeData({ ...AT, id, data })
    else if (kind === 'update') await storage.updateData({ ...AT, recordId: id, data })
    else await storage.deleteData('m', 'u', id)
  } catch (error) {
    if (hasErrorCode(error, 'UNAVAILABLE', 'OUTCOME_PENDING')) return
    throw error
  }
  if (kind === 'delete') model.delete(id)
  else model.set(id, data)
}

/** What is wrong in the end: with each side, and with what hybrid shows at every step. */
async function differences(steps: readonly Step[]): Promise<string[]> {
  const folder = await createStorageFolder()
  const world: World = {
    store: createFakeStore(),
    path: folder.sqlitePath,
    disk: { full: false },
    model: new Map(),
    alone: new Set(),
    used: new Set(),
  }
  const found: string[] = []
  let storage = await openHybrid(world)
  const look = async (when: string) => {
    const shown = await contentsOf(storage)
    const expected = sorted([...world.model])
    if (shown !== expected) found.push(`${when}: shows ${shown}, should show ${expected}`)
  }
  try {
    for (const [n, one] of steps.entries()) {
      if (one.kind === 'usually') world.store.usually = one.fate
      else if (one.kind === 'full' || one.kind === 'room') world.disk.full = one.kind === 'full'
      else if (one.kind === 'sync') await storage.sync({ timeoutMs: 40 })
      else if ('fates' in one) {
        world.store.fates.push(...one.fates)
        if (one.kind === 'alone') await writeAlone(world, one.id, n)
        else await write(storage, world, one, n)
        world.store.fates.length = 0
        if (world.store.usually === 'down') await look(`after step ${n}`)
      } else {
        await storage.close()
        storage = await openHybrid(world)
      }
    }
    world.store.usually = 'ok'
    world.disk.full = false
    const { pending } = await storage.sync({ timeoutMs: 5_000 })
    if (pending > 0) found.push(`${pending} never sent`)
    for (const { error } of await storage.conflicts()) found.push(`conflict: ${error.message}`)
    await look('in the end')
    const sqlite = await createSqliteBackend({ path: world.path })
    const inSqlite = await contentsOf(manageBackend(sqlite))
    if (inSqlite !== sorted([...world.model])) found.push(`sqlite holds ${inSqlite}`)
    await compareStores(world.store.direct, sqlite, {
      onDifference: ({ kind, id }) => {
        if (kind !== 'onlyInTarget' || !world.alone.has(id)) found.push(`${id} is ${kind}`)
      },
    })
    await sqlite.close()
  } finally {
    await storage.close()
    await folder.remove()
  }
  return found
}

async function contentsOf(storage: StorageManager): Promise<string> {
  const records = await storage.retrieveData('m', 'u')
  return sorted(records.map(({ id, data }) => [id, data]))
}

function sorted(rows: readonly (readonly unknown[])[]): string {
  return rows
    .map((row) => JSON.stringify(row))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join()
}

it('has every accepted write on both sides, and shows it at once, whatever becomes of R2 and of copies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      expect(await differences(steps)).toEqual([])
    }),
    { numRuns: 40 },
  )
}, 120_000)
