import { headKey } from '@umbra/core'
import type { ObjectStore, StorageManager } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { openSimulatedBackend, recordId, storeRecords } from '../manifest/simulated-backend.fixture.ts'
import { createSimulatedContext, putMutation } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import type { SimulatedStore } from '../manifest/simulated-store.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const HEAD = headKey(NAMESPACE)
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 4, overfull: 2, fanOut: 3, maxParts: 8, graceMs: 1_000 }

/** A process of its own over the store. */
function open(store: ObjectStore, name: string) {
  const context = createSimulatedContext(store, name, { limits: LIMITS })
  const manifest = new NamespaceManifest(NAMESPACE, context)
  return { context, manifest, maintenance: createMaintenance(() => manifest, context) }
}

/** Counts requests by what they are for. */
function countRequests(store: ObjectStore) {
  const counts = { head: 0, body: 0, upkeep: 0 }
  const note = (key: string) => counts[key === HEAD ? 'head' : key.startsWith('m/u/') ? 'body' : 'upkeep']++
  const objects: ObjectStore = {
    ...store,
    put: (key, body, options) => (note(key), store.put(key, body, options)),
    get: (key, options) => (note(key), store.get(key, options)),
    head: (key) => (note(key), store.head(key)),
    list: (prefix, options) => (note(prefix), store.list(prefix, options)),
    delete: (key) => (note(key), store.delete(key)),
    deleteMany: (keys) => (keys.forEach(note), store.deleteMany(keys)),
  }
  return { objects, requests: () => ({ ...counts }) }
}

async function filled(count: number) {
  const store = createSimulatedStore(() => 'none')
  const process = open(store, 'p')
  for (let n = 0; n < count; n++) await process.manifest.commit([putMutation(`r${n}`, `text ${n}`)])
  return { store, ...process }
}

type ReadOptions = Parameters<StorageManager['listData']>[2]

const IDS = Array.from({ length: 63 }, (_, n) => recordId(n))

const TOO_OLD = {
  code: 'CONFLICT',
  message: 'the pinned snapshot is too old: parts of it were collected; pin a new one',
}

/** The same records for whole backends; `change` makes a version with other parts of which some say something else. */
async function filledBackend() {
  const store = createSimulatedStore(() => 'none')
  const writer = openSimulatedBackend(store, 'writer')
  await storeRecords(writer, IDS.length)
  const change = async () => {
    await writer.storage.updateData({ module: 'm', userId: 'u', recordId: recordId(5), data: 'coffee, late' })
    await writer.storage.deleteData('m', 'u', recordId(60))
    await writer.storage.storeData({ module: 'm', userId: 'u', id: 'new', data: 'coffee, new' })
    await writer.maintenance.compact(NAMESPACE)
  }
  return { store, writer, change }
}

async function pin(storage: StorageManager): Promise<ReadOptions> {
  const { snapshot } = await storage.pinSnapshot('m', 'u')
  return { consistency: { snapshot } }
}

/** The answers of every kind of read. */
async function readEverything(storage: StorageManager, options: ReadOptions = {}) {
  const whole = { limit: 1_000, ...options }
  return {
    listed: await storage.listData('m', 'u', whole),
    found: await storage.searchData('m', 'u', 'coffee', whole),
    records: await Promise.all(IDS.map((id) => storage.retrieveData('m', 'u', id, options))),
  }
}

const versions = (store: SimulatedStore) => store.history(HEAD).length

async function expectRefused(store: SimulatedStore): Promise<void> {
  const before = versions(store)
  for (const name of ['fresh', 'another']) {
    const { manifest } = open(store, name)
    await expect(manifest.read((snapshot) => snapshot.lookupOne('r0'))).rejects.toMatchObject({
      code: 'CORRUPT',
    })
    await expect(manifest.commit([putMutation('new', 'new')])).rejects.toMatchObject({ code: 'CORRUPT' })
  }
  expect(versions(store)).toBe(before)
}

describe('reads and bad states', () => {
  it('13. reports a head that an operator deleted, also to a process that never saw it, and never makes an empty one', async () => {
    const { store } = await filled(3)
    await store.delete(HEAD)
    await expectRefused(store)
  })

  it('14. notices a head restored from a backup, and sends nothing over it', async () => {
    const { store, manifest } = await filled(3)
    const backup = store.history(HEAD)[1] ?? new Uint8Array()
    await store.put(HEAD, backup)
    const before = versions(store)
    await expect(manifest.snapshot()).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(manifest.commit([putMutation('new', 'new')])).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(versions(store)).toBe(before)
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, -40)],
    ['edited', (text: string) => text.replace('text 1', 'text 7')],
    ['with a byte order mark', (text: string) => `\u{feff}${text}`],
    ['with windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['empty', () => ''],
  ])('15. refuses a head that is %s, and writes nothing', async (_name, damage) => {
    const { store } = await filled(3)
    await store.put(HEAD, Buffer.from(damage(Buffer.from(store.history(HEAD).at(-1) ?? []).toString())))
    await expectRefused(store)
  })

  it('19. answers from a pinned version until its parts are collected, and then not at all', async () => {
    const { store, writer, change } = await filledBackend()
    const prompt = openSimulatedBackend(store, 'prompt').storage
    const late = openSimulatedBackend(store, 'late').storage
    const [promptPin, latePin] = [await pin(prompt), await pin(late)]
    const before = await readEverything(writer.storage)
    await change()
    await writer.maintenance.collect(NAMESPACE)
    expect(await readEverything(prompt, promptPin)).toEqual(before)
    await writer.waitOutGrace()
    await writer.maintenance.collect(NAMESPACE)
    // It has fetched nothing while it could.
    await expect(late.listData('m', 'u', latePin)).rejects.toMatchObject(TOO_OLD)
    await expect(late.searchData('m', 'u', 'coffee', latePin)).rejects.toMatchObject(TOO_OLD)
    const gets = await Promise.allSettled(IDS.map((id) => late.retrieveData('m', 'u', id, latePin)))
    const refused = gets.filter((get) => get.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'CONFLICT' })
    // What is in the head itself is still there.
    const answered = gets.map((get, n) => (get.status === 'fulfilled' ? get.value : before.records[n]))
    expect(answered).toEqual(before.records)
    expect([refused.length > 0, refused.length < IDS.length]).toEqual([true, true])
    expect(await readEverything(late, await pin(late))).toEqual(await readEverything(writer.storage))
  })

  it('19. starts again when the parts of an old version were collected, and gives the newest one whole', async () => {
    const { store, writer, change } = await filledBackend()
    const missed: string[] = []
    const get: ObjectStore['get'] = async (key, options) => {
      const found = await store.get(key, options)
      if (found === undefined) missed.push(key)
      return found
    }
    const reader = openSimulatedBackend({ ...store, get }, 'reader').storage
    // Reads the head, and no part: all ids come after this one.
    expect(await reader.retrieveData('m', 'u', '0')).toBeNull()
    await change()
    await writer.waitOutGrace()
    await writer.maintenance.collect(NAMESPACE)
    expect(missed).toEqual([])
    const old = { consistency: { maxAgeMs: 60_000 } }
    expect(await readEverything(reader, old)).toEqual(await readEverything(writer.storage))
    expect(missed).not.toEqual([])
  })

  it('23. writes no more for a record among two thousand than for one among a hundred, in as many requests', async () => {
    const store = createSimulatedStore(() => 'none')
    const { objects, requests } = countRequests(store)
    const { manifest } = open(objects, 'p')
    const largest = { early: 0, late: 0 }
    const counts = [requests()]
    for (let n = 0; n < 2_000; n++) {
      await manifest.commit([putMutation(`r${String(n).padStart(5, '0')}`, `text ${n}`)])
      const bytes = store.history(HEAD).at(-1)?.byteLength ?? 0
      if (n < 100) largest.early = Math.max(largest.early, bytes)
      if (n >= 1_900) largest.late = Math.max(largest.late, bytes)
      if (n % 500 === 499) counts.push(requests())
    }
    await manifest.finish()
    // A pointer more for each level.
    expect(largest.late).toBeLessThan(largest.early * 1.6)
    expect((await manifest.snapshot())?.version.head.header.live).toBe(2_000)
    const [, first, , before, after] = counts
    if (first === undefined || before === undefined || after === undefined) throw new Error('not counted')
    // One request for the body and one for the head, which is not read again.
    expect([after.body - before.body, after.head - before.head]).toEqual([500, 500])
    // Each entry is written once more for each level.
    expect(after.upkeep - before.upkeep).toBeLessThan(first.upkeep * 1.2)
  })

  // There is no token of a session that says "at least this version": a strong read sees all that anybody was told before
  // it began, in whatever process, for one conditional GET.
  it('24. reads what was acknowledged to it and to others, and a bounded read is never older than its bound', async () => {
    const { store, manifest } = await filled(1)
    const reader = open(store, 'q')
    await reader.manifest.snapshot()
    await manifest.commit([putMutation('later', 'later')])
    const has = async (id: string, maxAgeMs?: number) =>
      (await reader.manifest.read((snapshot) => snapshot.lookupOne(id), maxAgeMs)) !== undefined
    expect(await has('later', 10_000)).toBe(false)
    await reader.context.clock.sleep(10_001)
    expect(await has('later', 10_000)).toBe(true)
    await manifest.commit([putMutation('latest', 'latest')])
    expect(await has('latest', 10_000)).toBe(false)
    expect(await has('latest')).toBe(true)
  })

  it('33. takes two unicode spellings of a name for one head, and different names for different ones', () => {
    const key = (userId: string) => headKey({ module: 'm', userId })
    expect(key('Zo\u{eb}'.normalize('NFC'))).toBe(key('Zoe\u{308}'.normalize('NFC')))
    const names = ['zoe', 'Zoe', '..', '.', 'a/b', 'a%2Fb', 'a b', '日本']
    expect(new Set(names.map(key)).size).toBe(names.length)
    expect(names.map(key).every((one) => one.split('/').length === 4)).toBe(true)
  })
})
