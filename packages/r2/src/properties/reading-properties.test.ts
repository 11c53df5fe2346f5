import { headKey, recordEtag } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { createMaintenance } from '../maintenance/create-maintenance.ts'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { createSimulatedContext, putMutation } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import type { SimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { survives } from './planned-operations.fixture.ts'

const NAMESPACE = { module: 'm', userId: 'u' }
const HEAD = headKey(NAMESPACE)
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 4, overfull: 2, fanOut: 3, maxParts: 8, graceMs: 1_000 }

/** A process of its own over the store. */
function open(store: SimulatedStore, name: string) {
  const context = createSimulatedContext(store, name, { limits: LIMITS })
  const manifest = new NamespaceManifest(NAMESPACE, context)
  return { context, manifest, maintenance: createMaintenance(() => manifest, context) }
}

async function filled(count: number) {
  const store = createSimulatedStore(() => 'none')
  const process = open(store, 'p')
  for (let n = 0; n < count; n++) await process.manifest.commit([putMutation(`r${n}`, `text ${n}`)])
  return { store, ...process }
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
    const { store, context, manifest, maintenance } = await filled(40)
    const pinned = await manifest.snapshot()
    const reader = open(store, 'q').manifest
    await reader.snapshot()
    expect((await pinned?.lookupOne('r5'))?.text).toBe('text 5')
    await maintenance.compact(NAMESPACE)
    await context.clock.sleep(5_000)
    await maintenance.collect(NAMESPACE)
    const ids = Array.from({ length: 40 }, (_, n) => `r${n}`)
    const fresh = open(store, 'z').manifest
    const all = await fresh.read((snapshot) => snapshot.lookup(ids))
    expect(all?.size).toBe(40)
    // A reader whose version is gone starts again on the newest one, and has everything.
    expect((await reader.read((snapshot) => snapshot.lookup(ids)))?.size).toBe(40)
  })

  it('22. rebuilds a lost head to the same records, in a new epoch', async () => {
    const { store, manifest, maintenance } = await filled(30)
    const entry = await (await manifest.snapshot())?.lookupOne('r3')
    const etag = recordEtag(entry ?? { rev: 0, sha256: '' })
    await manifest.commit([putMutation('r3', 'replaced', etag)])
    await maintenance.compact(NAMESPACE)
    await manifest.finish()
    const ids = Array.from({ length: 30 }, (_, n) => `r${n}`)
    const before = (await manifest.snapshot())?.version.head.header
    const texts = async (from: NamespaceManifest) =>
      [...((await from.read((snapshot) => snapshot.lookup(ids))) ?? new Map()).values()].map(
        ({ text }) => text,
      )
    const expected = await texts(manifest)
    await store.delete(HEAD)
    const operator = open(store, 'operator')
    await operator.maintenance.rebuild(NAMESPACE)
    const { manifest: after } = open(store, 'after')
    expect(await texts(after)).toEqual(expected)
    const header = (await after.snapshot())?.version.head.header
    expect(header?.live).toBe(before?.live)
    expect(header?.epoch).not.toBe(before?.epoch)
  })

  it('23. writes no more for a record among two thousand than for one among a hundred', async () => {
    const { store, manifest } = await filled(0)
    const largest = { early: 0, late: 0 }
    for (let n = 0; n < 2_000; n++) {
      await manifest.commit([putMutation(`r${String(n).padStart(5, '0')}`, `text ${n}`)])
      const bytes = store.history(HEAD).at(-1)?.byteLength ?? 0
      if (n < 100) largest.early = Math.max(largest.early, bytes)
      if (n >= 1_900) largest.late = Math.max(largest.late, bytes)
    }
    await manifest.finish()
    // A pointer more for each level.
    expect(largest.late).toBeLessThan(largest.early * 1.6)
    expect((await manifest.snapshot())?.version.head.header.live).toBe(2_000)
  })

  it('24. reads its own acknowledged writes, and a bounded read is never older than its bound', async () => {
    const { store, manifest } = await filled(1)
    const reader = open(store, 'q')
    await reader.manifest.snapshot()
    await manifest.commit([putMutation('later', 'later')])
    const has = async (maxAgeMs: number) =>
      (await reader.manifest.read((snapshot) => snapshot.lookupOne('later'), maxAgeMs)) !== undefined
    expect(await has(10_000)).toBe(false)
    await reader.context.clock.sleep(10_001)
    expect(await has(10_000)).toBe(true)
    expect(await has(0)).toBe(true)
  })

  it('31. keeps every promise with clocks ten minutes off and jumping', async () => {
    await survives({ plans: { maxSkewMs: 600_000, maxProcesses: 3 } })
  })

  it('33. takes two unicode spellings of a name for one head, and different names for different ones', () => {
    const key = (userId: string) => headKey({ module: 'm', userId })
    expect(key('Zo\u{eb}'.normalize('NFC'))).toBe(key('Zoe\u{308}'.normalize('NFC')))
    const names = ['zoe', 'Zoe', '..', '.', 'a/b', 'a%2Fb', 'a b', '日本']
    expect(new Set(names.map(key)).size).toBe(names.length)
    expect(names.map(key).every((one) => one.split('/').length === 4)).toBe(true)
  })
})
