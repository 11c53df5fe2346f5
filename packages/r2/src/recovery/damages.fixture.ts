import type { ManifestEntry } from '@umbra/core'
import { expect } from 'vitest'
import type { SimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { bytesAt, HEAD, headOf, keysOf, liveEntries, PARTS } from './namespace-history.fixture.ts'
import type { History } from './namespace-history.fixture.ts'

/** What a rebuild must bring back of a record, whatever it found it by. */
const essence = ({ id, rev, key, sha256, size, etag, timestamp, data_type }: ManifestEntry) => ({
  id,
  rev,
  key,
  sha256,
  size,
  etag,
  timestamp,
  data_type,
})

/** The live records are those of the model, but for uncertain ones, which may have come back. */
export async function expectRestored({ store, model }: History, uncertain: readonly string[]): Promise<void> {
  const live = await liveEntries(store)
  for (const [id, entry] of model)
    expect(live.get(id) && essence(live.get(id) ?? entry)).toEqual(essence(entry))
  for (const id of live.keys()) if (!model.has(id)) expect(uncertain).toContain(id)
}

export type Damage = (store: SimulatedStore, pick: number) => Promise<void>

const one = (keys: readonly string[], pick: number) => keys[pick % Math.max(1, keys.length)]

export async function truncateAt(store: SimulatedStore, key: string, part: number): Promise<void> {
  const bytes = await bytesAt(store, key)
  await store.put(key, bytes.slice(0, Math.floor(bytes.byteLength * part)))
}

const pickPart = async (store: SimulatedStore, pick: number) =>
  one(
    (await headOf(store)).parts.map(({ key }) => key),
    pick,
  )

export const DAMAGES: Readonly<Record<string, Damage>> = {
  'a deleted head': (store) => store.delete(HEAD),
  'a truncated head': (store, pick) => truncateAt(store, HEAD, (pick % 100) / 100),
  'an edited head': async (store) => {
    const text = Buffer.from(await bytesAt(store, HEAD)).toString()
    await store.put(HEAD, Buffer.from(text.replace('"live":', '"live":1')))
  },
  'a lost part': async (store, pick) => {
    const key = await pickPart(store, pick)
    if (key !== undefined) await store.delete(key)
  },
  'a truncated part': async (store, pick) => {
    const key = await pickPart(store, pick)
    if (key !== undefined) await truncateAt(store, key, 0.5)
  },
  'a lost head and its newest copy': async (store) => {
    await store.delete(HEAD)
    const newest = (await keysOf(store, `${PARTS}h/`)).at(-1)
    if (newest !== undefined) await store.delete(newest)
  },
  'nothing left but the bodies': async (store) => {
    for (const key of [HEAD, ...(await keysOf(store, PARTS))]) await store.delete(key)
  },
  'a restored backup': async (store, pick) => {
    const versions = store.history(HEAD)
    await store.put(HEAD, versions[pick % versions.length] ?? new Uint8Array())
  },
}
