import { headKey, parseHead } from '@umbra/core'
import type { ManifestEntry, ManifestHead, ObjectStore, PartPointer, StorageManager } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { mergeAndCollect, openSimulatedBackend, recordId, storeRecords } from './simulated-backend.fixture.ts'
import type { SimulatedBackend } from './simulated-backend.fixture.ts'
import { createSimulatedStore } from './simulated-store.fixture.ts'
import type { SimulatedStore } from './simulated-store.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const HEAD = headKey(NAMESPACE)

type Options = Parameters<StorageManager['listData']>[2]
type Read = (storage: StorageManager, id: string, options?: Options) => Promise<unknown>

const READS: readonly (readonly [name: string, read: Read])[] = [
  ['get', (storage, id, options) => storage.retrieveData('m', 'u', id, options)],
  ['list', (storage, _, options) => storage.listData('m', 'u', { limit: 1_000, ...options })],
  ['search', (storage, _, options) => storage.searchData('m', 'u', 'coffee', { limit: 1_000, ...options })],
]

/** A namespace in several runs and segments, and the process that has written it. */
async function filled() {
  const store = createSimulatedStore(() => 'none')
  const writer = openSimulatedBackend(store, 'writer')
  await storeRecords(writer, 63)
  const { parts } = headOf(store)
  expect(parts.map(({ _: kind }) => kind)).toEqual(['run', 'run', 'seg', 'seg'])
  return { store, writer, parts }
}

function headOf(store: SimulatedStore): ManifestHead {
  return parseHead(store.history(HEAD).at(-1) ?? new Uint8Array(), NAMESPACE)
}

/** An id whose newest entry is in this part, and nowhere else. */
function idIn(store: SimulatedStore, { key }: PartPointer): string {
  const { parts, tail } = headOf(store)
  const newest = new Map<string, string>()
  for (const part of parts) for (const { id } of entriesIn(store, part)) newest.set(id, part.key)
  for (const { entry } of tail) newest.set(entry.id, HEAD)
  const found = [...newest].find(([, newestIn]) => newestIn === key)
  if (found === undefined) throw new Error('everything in this part was replaced')
  return found[0]
}

function entriesIn(store: SimulatedStore, { key }: PartPointer): readonly ManifestEntry[] {
  const text = Buffer.from(store.history(key)[0] ?? new Uint8Array()).toString()
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as ManifestEntry)
}

function partAt(parts: readonly PartPointer[], place: number): PartPointer {
  const part = parts[place]
  if (part === undefined) throw new Error(`there are ${parts.length} parts only`)
  return part
}

/** What it says, and what to run next. */
const refusal = ({ key }: PartPointer) => ({
  code: 'CORRUPT',
  message: `the manifest refers to a part that is gone; nothing was written; run fsck. key=${key}`,
  details: { key },
})

/** Reads the head and no part: none can have an id that comes before all others. */
async function seeHead(storage: StorageManager): Promise<void> {
  expect(await storage.retrieveData('m', 'u', '0')).toBeNull()
}

async function storeOne({ storage }: SimulatedBackend, n: number): Promise<void> {
  await storage.storeData({ module: 'm', userId: 'u', id: recordId(n), data: `coffee ${n}` })
}

/** Lets something happen before requests for a part, so many times. */
function beforePart(
  store: SimulatedStore,
  isPart: (key: string) => boolean,
  { times, happen }: { readonly times: number; readonly happen: () => Promise<void> },
): { readonly objects: ObjectStore; readonly happened: () => number } {
  let count = 0
  const objects: ObjectStore = {
    ...store,
    async get(key, options) {
      if (isPart(key) && count < times) {
        count++
        await happen()
      }
      return store.get(key, options)
    },
  }
  return { objects, happened: () => count }
}

describe.each(READS)('%s, when another process collects a part just before it is fetched,', (_, read) => {
  it.each([0, 1, 2, 3])('starts again without part %i, and is complete', async (place) => {
    const { store, writer, parts } = await filled()
    const part = partAt(parts, place)
    const id = idIn(store, part)
    const expected = await read(writer.storage, id)
    const { objects, happened } = beforePart(store, (key) => key === part.key, {
      times: 1,
      happen: () => mergeAndCollect(writer),
    })
    const { storage } = openSimulatedBackend(objects, 'reader')
    expect(await read(storage, id)).toEqual(expected)
    expect(happened()).toBe(1)
    expect(await store.get(part.key)).toBeUndefined()
  })

  it.each([2, 3])('starts again without segment %i when all older parts are there still', async (place) => {
    const { store, writer, parts } = await filled()
    const part = partAt(parts, place)
    const id = idIn(store, part)
    const { objects, happened } = beforePart(store, (key) => key === part.key, {
      times: 1,
      happen: async () => {
        for (let n = 63; headOf(store).parts.some(({ key }) => key === part.key); n++)
          await storeOne(writer, n)
        await writer.waitOutGrace()
        await writer.maintenance.collect(NAMESPACE)
      },
    })
    const { storage } = openSimulatedBackend(objects, 'reader')
    const found = await read(storage, id)
    expect(happened()).toBe(1)
    expect(found).toEqual(await read(writer.storage, id))
    expect(await store.get(part.key)).toBeUndefined()
    expect(headOf(store).parts.slice(0, 2)).toEqual(parts.slice(0, 2))
  })

  it('starts again as often as it is overtaken, three times in a row', async () => {
    const { store, writer, parts } = await filled()
    const id = idIn(store, partAt(parts, 0))
    const isOldest = (key: string) => key === headOf(store).parts[0]?.key
    const { objects, happened } = beforePart(store, isOldest, {
      times: 3,
      happen: async () => {
        await storeOne(writer, 63 + happened())
        await mergeAndCollect(writer)
      },
    })
    const { storage } = openSimulatedBackend(objects, 'reader')
    const found = await read(storage, id)
    expect(happened()).toBe(3)
    expect(found).toEqual(await read(writer.storage, id))
  })

  it('starts again from an old version that it was allowed to use', async () => {
    const { store, writer, parts } = await filled()
    const id = idIn(store, partAt(parts, 1))
    const reader = openSimulatedBackend(store, 'reader')
    await seeHead(reader.storage)
    await writer.storage.updateData({ module: 'm', userId: 'u', recordId: id, data: 'coffee, replaced' })
    await mergeAndCollect(writer)
    const found = await read(reader.storage, id, { consistency: { maxAgeMs: 60_000 } })
    expect(found).toEqual(await read(writer.storage, id))
  })
})

describe.each(READS)('%s, when a part is lost that the newest version names,', (_, read) => {
  it.each([0, 1, 2, 3])('is refused and says so of part %i, however new it must be', async (place) => {
    const { store, parts } = await filled()
    const part = partAt(parts, place)
    const id = idIn(store, part)
    const { storage } = openSimulatedBackend(store, 'reader')
    const { snapshot } = await storage.pinSnapshot('m', 'u')
    await store.delete(part.key)
    for (const consistency of ['strong', { maxAgeMs: 60_000 }, { snapshot }] as const) {
      await expect(read(storage, id, { consistency })).rejects.toMatchObject(refusal(part))
    }
  })
})

it('does not say that there is no such record when the part is lost that would say so', async () => {
  const { store, parts } = await filled()
  const part = partAt(parts, 0)
  // Between two ids of the part, and so in the range that it answers for.
  const absent = `${idIn(store, part)}-`
  const { storage } = openSimulatedBackend(store, 'reader')
  expect(await storage.retrieveData('m', 'u', absent)).toBeNull()
  await store.delete(part.key)
  const later = openSimulatedBackend(store, 'later').storage
  await expect(later.retrieveData('m', 'u', absent)).rejects.toMatchObject(refusal(part))
})
