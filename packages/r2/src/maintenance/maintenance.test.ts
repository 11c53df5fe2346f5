import { setImmediate } from 'node:timers/promises'
import { applySwap, headKey, parseHead, recordEtag, UmbraError } from '@umbra/core'
import type { ManifestEntry, ObjectStore } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { PROTOCOL_RULES } from '../manifest/protocol-rules.ts'
import type { ProtocolRules } from '../manifest/protocol-rules.ts'
import { createSimulatedContext, putMutation } from '../manifest/simulated-context.fixture.ts'
import { MANIFEST_LIMITS } from '../manifest/manifest-limits.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { createMaintenance } from './create-maintenance.ts'
import { purgeRecord } from './purge-record.ts'

const namespace = { module: 'm', userId: 'u' }
const LIMITS = { ...MANIFEST_LIMITS, tailLines: 2, overfull: 2, fanOut: 2, maxParts: 4, graceMs: 1_000 }
const FOREIGN_BEFORE = '"before":{"_":"gone","key":"manifests.d/m/other/s/x.jsonl","at":""}'
const DAY_MS = 24 * 60 * 60 * 1_000

function open(rules: Partial<ProtocolRules> = {}) {
  const store = createSimulatedStore(() => 'none')
  const context = createSimulatedContext(store, 'p', {
    limits: LIMITS,
    rules: { ...PROTOCOL_RULES, ...rules },
  })
  const manifest = new NamespaceManifest(namespace, context)
  const maintenance = createMaintenance(() => manifest, context)
  const purge = (id: string) => purgeRecord(manifest, id, context)
  const keys = async () => {
    const found: string[] = []
    for await (const { key } of store.list('m/')) found.push(key)
    for await (const { key } of store.list('manifests.d/')) found.push(key)
    return found
  }
  const entry = async (id: string) => (await manifest.snapshot())?.lookupOne(id)
  const remove = async (id: string) => {
    const etag = recordEtag((await entry(id)) ?? { rev: 0, sha256: '' })
    const at = new Date(context.clock.now()).toISOString()
    await manifest.commit([{ kind: 'delete', id, expect: { kind: 'etag', etag }, at }])
  }
  const update = async (id: string, text: string) =>
    manifest.commit([putMutation(id, text, recordEtag((await entry(id)) ?? { rev: 0, sha256: '' }))])
  const liveTexts = async () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const entries = await Promise.all(ids.map(entry))
    return entries.flatMap((one: ManifestEntry | undefined) => (one?.op === 'put' ? [one.text] : []))
  }
  return { store, context, manifest, maintenance, purge, keys, entry, remove, update, liveTexts }
}

describe('compact', () => {
  it('merges everything into one run and says the same of every record', async () => {
    const { manifest, maintenance, update, remove, liveTexts } = open()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await manifest.commit([putMutation(id, `${id}1`)])
    await update('b', 'b2')
    await remove('c')
    expect(await maintenance.compact(namespace, { dryRun: true })).toMatchObject({
      partsAfter: 1,
      dryRun: true,
    })
    expect(await maintenance.compact(namespace)).toMatchObject({ partsAfter: 1, dryRun: false })
    const head = (await manifest.snapshot())?.version.head
    expect(head).toMatchObject({ tail: [], parts: [{ _: 'run', rows: 5, dels: 1 }], header: { live: 4 } })
    expect(await liveTexts()).toEqual(['a1', 'b2', 'd1', 'e1'])
  })

  it('drops a tombstone when it is old enough', async () => {
    const { context, manifest, maintenance, remove } = open()
    await manifest.commit([putMutation('a', 'a1')])
    await manifest.commit([putMutation('b', 'b1')])
    await remove('a')
    await context.clock.sleep(8 * DAY_MS)
    await maintenance.compact(namespace)
    expect((await manifest.snapshot())?.version.head.parts).toMatchObject([{ rows: 1, dels: 0 }])
  })
})

describe('collect', () => {
  it('deletes replaced bodies and merged parts when their grace is over, not before', async () => {
    const { context, manifest, maintenance, keys, update, liveTexts } = open()
    for (const id of ['a', 'b', 'c']) await manifest.commit([putMutation(id, `${id}1`)])
    await update('a', 'a2')
    await maintenance.compact(namespace)
    await manifest.finish()
    expect(await maintenance.collect(namespace)).toMatchObject({ superseded: 0 })
    const before = await keys()
    await context.clock.sleep(7_000)
    const dry = await maintenance.collect(namespace, { dryRun: true })
    expect(dry.superseded).toBeGreaterThan(1)
    expect(await keys()).toEqual(before)
    expect(await maintenance.collect(namespace)).toMatchObject({ superseded: dry.superseded, failed: [] })
    const left = await keys()
    expect(left.filter((key) => key.startsWith('m/'))).toHaveLength(3)
    expect(left.filter((key) => key.includes('/s/'))).toEqual([])
    expect(await liveTexts()).toEqual(['a2', 'b1', 'c1'])
    expect(await maintenance.collect(namespace)).toMatchObject({ superseded: 0, orphans: 0 })
  })

  it('gives the grace from the commit of a merge on, however long ago the merge was prepared', async () => {
    const { context, manifest, maintenance } = open()
    const head = async () => (await manifest.snapshot())?.version.head
    for (let n = 0; (await head())?.garbage === undefined; n++) {
      await context.clock.sleep(60_000)
      await manifest.commit([putMutation(`r${n}`, 'x')])
      await setImmediate()
    }
    expect(await maintenance.collect(namespace, { dryRun: true })).toMatchObject({ superseded: 0 })
    await context.clock.sleep(60_000)
    const { superseded } = await maintenance.collect(namespace, { dryRun: true })
    expect(superseded).toBeGreaterThan(0)
  })

  it('raises the floor as far as the latest of several collections in one commit asked', async () => {
    const { manifest } = open()
    await manifest.commit([putMutation('a', 'a1')])
    const [late, early] = ['2025-12-31T12:00:00.000Z', '2025-12-31T11:00:00.000Z']
    await Promise.all([late, early].map((floor) => manifest.publish({ floor })))
    const header = (await manifest.snapshot())?.version.head.header
    expect(header).toMatchObject({ seq: 2, floor: late })
  })

  it('deletes what a killed process left behind, and raises the floor first', async () => {
    const { store, manifest, maintenance, keys, liveTexts } = open()
    await manifest.commit([putMutation('a', 'a1')])
    await store.put('m/u/2026/01/01/lost~1-x.json', new Uint8Array(3))
    await store.put('manifests.d/m/u/s/lost.jsonl', new Uint8Array(4))
    expect(await maintenance.collect(namespace, { dryRun: true })).toMatchObject({
      orphans: 2,
      orphanBytes: 7,
    })
    expect(await maintenance.collect(namespace)).toMatchObject({ orphans: 2, orphanBytes: 7, failed: [] })
    expect((await keys()).filter((key) => key.includes('lost'))).toEqual([])
    expect((await manifest.snapshot())?.version.head.header.floor).not.toBeNull()
    await manifest.commit([putMutation('b', 'b1')])
    expect(await liveTexts()).toEqual(['a1', 'b1'])
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, -5)],
    ['empty', () => ''],
    ['another one’s', (text: string) => text.replaceAll('m/u/', 'm/other/')],
    ['edited', (text: string) => `${text}{"key":"m/other/2026/01/01/x.json"}\n`],
    ['made to lead elsewhere', (text: string) => text.replace('"before":null', FOREIGN_BEFORE)],
  ])('believes nothing of a garbage list that is %s: what it named are orphans', async (_, damage) => {
    const { store, context, manifest, maintenance, keys, update, liveTexts } = open()
    for (const id of ['a', 'b', 'c']) await manifest.commit([putMutation(id, `${id}1`)])
    await update('a', 'a2')
    await maintenance.compact(namespace)
    await manifest.finish()
    const foreign = ['m/other/2026/01/01/x.json', 'manifests.d/m/other/s/x.jsonl']
    for (const key of foreign) await store.put(key, new Uint8Array(1))
    const list = (await manifest.snapshot())?.version.head.garbage?.key ?? ''
    const text = Buffer.from(store.history(list).at(-1) ?? new Uint8Array()).toString()
    await store.put(list, Buffer.from(damage(text)))
    await context.clock.sleep(DAY_MS)
    expect((await maintenance.check(namespace)).problems).toMatchObject([{ kind: 'orphans' }])
    await maintenance.collect(namespace)
    expect(await keys()).toEqual(expect.arrayContaining(foreign))
    expect(await liveTexts()).toEqual(['a2', 'b1', 'c1'])
    expect((await maintenance.check(namespace)).problems).toEqual([])
  })

  it('leaves alone what tails, segments, runs and garbage lists still name', async () => {
    const { manifest, maintenance, keys, update, remove } = open()
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await manifest.commit([putMutation(id, `${id}1`)])
    for (const id of ['a', 'b', 'c']) await update(id, `${id}2`)
    await remove('d')
    await manifest.finish()
    const before = await keys()
    const { orphans } = await maintenance.collect(namespace)
    const gone = before.filter((key) => key.startsWith('m/')).length
    expect((await keys()).filter((key) => key.startsWith('m/'))).toHaveLength(gone)
    // Only copies of older heads, of which the newest three are kept.
    expect(orphans).toBe(
      before.filter((key) => key.includes('/h/')).length - 3 < 0
        ? 0
        : before.filter((key) => key.includes('/h/')).length - 3,
    )
  })
})

describe('purge', () => {
  it('leaves nothing of a deleted record: no body, no line in any part, no copy', async () => {
    const { store, manifest, maintenance, purge, keys, update, remove, liveTexts } = open()
    for (const id of ['a', 'b', 'c', 'd']) await manifest.commit([putMutation(id, `secret-${id}`)])
    await update('b', 'secret-b2')
    await manifest.finish()
    await remove('b')
    await purge('b')
    await manifest.finish()
    // What the background prepared and nobody used.
    await maintenance.collect(namespace)
    for (const key of [...(await keys()), headKey(namespace)]) {
      const text = Buffer.from(store.history(key).at(-1) ?? new Uint8Array()).toString()
      expect(text, key).not.toContain('secret-b')
    }
    expect((await keys()).filter((key) => key.startsWith('m/')).every((key) => !key.includes('/b'))).toBe(
      true,
    )
    expect(await liveTexts()).toEqual(['secret-a', 'secret-c', 'secret-d'])
  })

  it('says so when others were faster with every merge, and lines of the record are left', async () => {
    const { manifest, purge, remove } = open({
      applySwap: (head, swap) => (swap.kind === 'merge' ? undefined : applySwap(head, swap)),
    })
    for (const id of ['a', 'b']) await manifest.commit([putMutation(id, `secret-${id}`)])
    await remove('b')
    await expect(purge('b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('leaves the body of a creation of the same id that is on its way', async () => {
    const { store, manifest, purge, remove } = open()
    await manifest.commit([putMutation('b', 'secret-b')])
    await remove('b')
    let purging: Promise<void> | undefined
    const objects: ObjectStore = {
      ...store,
      async put(key, ...rest) {
        if (key === headKey(namespace)) await (purging ??= purge('b'))
        return store.put(key, ...rest)
      },
    }
    const other = new NamespaceManifest(namespace, createSimulatedContext(objects, 'q', { limits: LIMITS }))
    const [created] = await other.commit([putMutation('b', 'b anew')])
    expect(purging).toBeDefined()
    expect(await store.head(created?.key ?? '')).toBeDefined()
  })

  it('asks again what is left when the connection is lost while it asks', async () => {
    const { store, context, manifest, keys, remove } = open()
    for (const id of ['a', 'b']) await manifest.commit([putMutation(id, `secret-${id}`)])
    await remove('b')
    const asked = new Set<string>()
    const objects: ObjectStore = {
      ...store,
      async head(key) {
        if (asked.has(key)) return store.head(key)
        asked.add(key)
        throw new UmbraError('UNAVAILABLE', 'the connection is lost')
      },
    }
    await purgeRecord(manifest, 'b', { ...context, objects })
    expect(asked.size).toBeGreaterThan(0)
    expect((await keys()).filter((key) => asked.has(key))).toEqual([])
  })

  it('refuses a record that is alive', async () => {
    const { manifest, purge } = open()
    await manifest.commit([putMutation('a', 'a1')])
    await expect(purge('a')).rejects.toMatchObject({ code: 'CONFLICT' })
    const bytes = (await manifest.snapshot())?.version
    expect(bytes?.head.header.live).toBe(1)
  })
})

it('every version that maintenance writes is a whole manifest', async () => {
  const { store, manifest, maintenance, update } = open()
  for (const id of ['a', 'b', 'c', 'd', 'e']) await manifest.commit([putMutation(id, id)])
  await update('a', 'a2')
  await maintenance.compact(namespace)
  await maintenance.collect(namespace)
  const heads = store.history(headKey(namespace)).map((bytes) => parseHead(bytes, namespace))
  expect(heads.map(({ header }) => header.seq)).toEqual(heads.map((_, index) => index + 1))
})
