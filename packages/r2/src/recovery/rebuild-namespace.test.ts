import { createHash } from 'node:crypto'
import { hasErrorCode, headContentType, parseHead, renderHead } from '@umbra/core'
import type { ObjectStore } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { putMutation } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import type { Fault } from '../manifest/simulated-store.fixture.ts'
import { encodeRevisionLabel } from '../objects/revision-label.ts'
import { DAMAGES, expectRestored, truncateAt } from './damages.fixture.ts'
import { checkNamespace } from './check-namespace.ts'
import {
  BODIES,
  bytesAt,
  contentOf,
  contextOver,
  HEAD,
  headOf,
  keysOf,
  liveEntries,
  NAMESPACE,
  PARTS,
  startHistory,
  startRichHistory,
} from './namespace-history.fixture.ts'
import type { HistoryStep } from './namespace-history.fixture.ts'
import { rebuildNamespace } from './rebuild-namespace.ts'

/** So long that a head with it in one line is compressed, and so various that this does not make it short. */
const LONG_NOTE = Array.from({ length: 400 }, (_, n) =>
  createHash('sha256').update(String(n)).digest('hex'),
).join('')

const rebuild = (store: ObjectStore, dryRun = false) =>
  rebuildNamespace(NAMESPACE, { dryRun }, contextOver(store, 'rebuild'))

const check = (store: ObjectStore) => checkNamespace(NAMESPACE, { deep: true }, contextOver(store, 'check'))

describe('a rebuild', () => {
  it('goes on being written and read, also by a process that knew the lost head', async () => {
    const history = await startRichHistory()
    await history.store.delete(HEAD)
    await rebuild(history.store)
    await history.manifest.snapshot()
    await history.run([
      { kind: 'put', id: 40 },
      { kind: 'put', id: 1 },
    ])
    await expectRestored(history, ['r4', 'r12'])
    expect((await check(history.store)).problems).toEqual([])
  })

  it('starts a new epoch with a higher version, in which no attempt of before can be decided', async () => {
    const { store } = await startRichHistory()
    const { header: old } = await headOf(store)
    const names = (await keysOf(store, PARTS)).map((key) => /\/0*(\d+)-[^/]+$/.exec(key)?.[1])
    const highest = Math.max(...names.map((seq) => Number(seq ?? 0)))
    await store.delete(HEAD)
    await rebuild(store)
    const { header } = await headOf(store)
    expect(header.epoch > old.epoch).toBe(true)
    expect(header.seq).toBeGreaterThan(highest)
    expect(header).toMatchObject({ w: {}, forgotten: header.seq, prev: null })
  })

  it.each([
    ['text', ' that was cut', '', (bytes: Buffer) => bytes.subarray(0, bytes.length * 0.99)],
    ['gzip', ' that was cut', LONG_NOTE, (bytes: Buffer) => bytes.subarray(0, bytes.length * 0.99)],
    ['text', ' that was edited', '', (bytes: Buffer) => bytes.fill(0, bytes.length - 20, bytes.length - 18)],
    [
      'gzip',
      ' that was edited',
      LONG_NOTE,
      (bytes: Buffer) => bytes.fill(0, bytes.length / 2, bytes.length / 2 + 8),
    ],
  ])(
    'proves that nothing is missing when the first line of a head of %s%s still counts what was found',
    async (form, _change, note, damage) => {
      const history = await startRichHistory({ note })
      await history.run([50, 51].map((id): HistoryStep => ({ kind: 'put', id })))
      const head = Buffer.from(await bytesAt(history.store, HEAD))
      expect(headContentType(head)).toContain(form === 'gzip' ? 'gzip' : 'ndjson')
      await history.store.put(HEAD, damage(head))
      const { uncertain, records } = await rebuild(history.store)
      expect({ uncertain, records }).toEqual({ uncertain: [], records: history.model.size })
      await expectRestored(history, [])
    },
  )

  it('names every record as uncertain when the lost head can have held its deletion', async () => {
    const history = startHistory()
    await history.run([
      { kind: 'put', id: 1 },
      { kind: 'delete', id: 1 },
    ])
    await history.store.delete(HEAD)
    const report = await rebuild(history.store)
    expect(report).toMatchObject({ records: 1, uncertain: ['r1'] })
  })

  it('does not bring back a deleted record whose body is in a list to be deleted', async () => {
    const history = await startRichHistory()
    const kinds = (id: number): HistoryStep => ({ kind: 'delete', id })
    await history.run([kinds(1), kinds(2), kinds(3), kinds(5)])
    // Until the deletions were merged, so that only the list tells of the bodies.
    await history.run(Array.from({ length: 16 }, (_, id) => ({ kind: 'put', id: 40 + id })))
    await history.store.delete(HEAD)
    await rebuild(history.store)
    const live = await liveEntries(history.store)
    expect(['r1', 'r2', 'r3', 'r5'].filter((id) => live.has(id))).toEqual([])
  })

  it('does not bring back a record whose body was deleted after the last part', async () => {
    const history = startHistory()
    await history.run([1, 2, 3].map((id): HistoryStep => ({ kind: 'put', id })))
    const key = history.model.get('r1')?.key ?? ''
    await history.run([{ kind: 'delete', id: 1 }])
    expect((await headOf(history.store)).tail).toHaveLength(1)
    await history.store.delete(key)
    await history.store.delete(HEAD)
    expect(await rebuild(history.store)).toMatchObject({ records: 2 })
    expect([...(await liveEntries(history.store)).keys()]).toEqual(['r2', 'r3'])
    expect((await check(history.store)).problems).toEqual([])
  })

  it.each([
    ['stays deleted beside an upload of its time', '2026-01-02T00:00:00Z', false],
    [
      'is back when it was stored again after its tombstone may have been dropped',
      '2026-02-01T00:00:00Z',
      true,
    ],
  ])('a deleted record %s', async (_, storedAt, isBack) => {
    const history = startHistory()
    const { store } = history
    await history.run([
      { kind: 'put', id: 1 },
      { kind: 'delete', id: 1 },
      { kind: 'put', id: 2 },
    ])
    const key = `${BODIES}2026/01/01/r1~1-AGAIN.json`
    const metadata = encodeRevisionLabel({
      id: 'r1',
      rev: 1,
      sha256: 'a'.repeat(64),
      at: '2026-01-01T00:00:00.000Z',
      op: 'AGAIN',
    })
    await store.put(key, Buffer.from('"again"'), { metadata })
    await store.delete(HEAD)
    const dated: ObjectStore = {
      ...store,
      head: async (asked) => {
        const head = await store.head(asked)
        return head && { ...head, lastModified: new Date(storedAt) }
      },
    }
    await rebuild(dated)
    expect((await liveEntries(store)).has('r1')).toBe(isBack)
  })

  it('keeps the metadata of what is in parts, and loses that of what only a listing knows', async () => {
    const history = await startRichHistory()
    await history.run([{ kind: 'put', id: 50 }])
    const segments = await keysOf(history.store, `${PARTS}s/`)
    expect(segments.length).toBeGreaterThan(0)
    await history.store.delete(HEAD)
    const { fromListing } = await rebuild(history.store)
    const live = await liveEntries(history.store)
    const bare = [...live.values()].filter(({ metadata }) => Object.keys(metadata).length === 0)
    expect(bare).toHaveLength(fromListing)
    // The tail, and nothing else, was only in the head.
    expect(fromListing).toBeLessThanOrEqual(2)
  })

  it('does not take a cut backup for the witness of what came after it', async () => {
    const history = startHistory()
    await history.run([{ kind: 'put', id: 1 }])
    const backup = await bytesAt(history.store, HEAD)
    // Back to the same records, but in parts and a copy of later versions.
    await history.run([
      { kind: 'put', id: 2 },
      { kind: 'delete', id: 2 },
      ...[3, 4, 5].flatMap((id): HistoryStep[] => [
        { kind: 'put', id },
        { kind: 'put', id },
        { kind: 'delete', id },
      ]),
    ])
    expect((await headOf(history.store)).tail).toEqual([])
    expect(await keysOf(history.store, `${PARTS}h/`)).not.toEqual([])
    await history.store.put(HEAD, backup.slice(0, -9))
    expect(await rebuild(history.store)).toMatchObject({ records: 1, uncertain: ['r1'] })
  })

  it('keeps the record whose body alone is gone when the manifest is whole otherwise', async () => {
    const { store, model } = await startRichHistory()
    await store.delete(model.get('r1')?.key ?? '')
    await expect(rebuild(store)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('refuses when there is nothing to rebuild', async () => {
    const { store } = await startRichHistory()
    await expect(rebuild(store)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(rebuild(createSimulatedStore(() => 'none'))).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('repairs a count that is wrong', async () => {
    const history = await startRichHistory()
    const head = await headOf(history.store)
    const header = { ...head.header, live: head.header.live + 1 }
    await history.store.put(HEAD, renderHead({ ...head, header }))
    await rebuild(history.store)
    expect((await check(history.store)).problems).toEqual([])
    await expectRestored(history, [])
  })

  it.each(Object.keys(DAMAGES))(
    'says after %s what it would do, and changes nothing, as a dry run',
    async (name) => {
      const { store } = await startRichHistory()
      await DAMAGES[name]?.(store, 3)
      const before = await contentOf(store)
      const planned = await rebuild(store, true)
      expect(await contentOf(store)).toEqual(before)
      const done = await rebuild(store)
      expect({ ...planned, dryRun: false }).toEqual(done)
    },
  )

  it('replaces exactly the head it found: another one that came meanwhile stays', async () => {
    const { store } = await startRichHistory()
    const good = await bytesAt(store, HEAD)
    await store.delete(HEAD)
    const racing: ObjectStore = {
      ...store,
      put: async (key, body, options) => {
        if (key === HEAD) await store.put(HEAD, good)
        return store.put(key, body, options)
      },
    }
    await expect(rebuild(racing)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await bytesAt(store, HEAD)).toEqual(good)
  })

  it('finds its own head when the answer to its write was lost', async () => {
    let fault: Fault = 'none'
    const store = createSimulatedStore((operation, key) => {
      const now = operation === 'put' && key === HEAD ? fault : 'none'
      if (now !== 'none') fault = 'none'
      return now
    })
    const history = startHistory({ store })
    await history.run([{ kind: 'put', id: 1 }])
    await store.delete(HEAD)
    fault = 'lost-answer'
    await rebuild(store)
    await expectRestored(history, [])
  })

  it('leaves an attempt that was under way undecided: it is reported, not lost silently', async () => {
    let fault: Fault = 'none'
    const store = createSimulatedStore((operation, key) =>
      operation === 'put' && key === HEAD ? fault : 'none',
    )
    const history = startHistory({ store })
    await history.run([{ kind: 'put', id: 1 }])
    const writer = new NamespaceManifest(NAMESPACE, contextOver(store, 'other'))
    await writer.commit([putMutation('r2', 'known')])
    fault = 'lost-request'
    const attempt = writer.commit([putMutation('r3', 'under way')])
    const outcome = attempt.then(
      () => 'committed',
      (error: unknown) => (hasErrorCode(error, 'OUTCOME_PENDING') ? 'pending' : 'rejected'),
    )
    // Its body is stored and its head write is repeated and lost, when the head is cut and rebuilt.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    const cut = (await bytesAt(store, HEAD)).slice(0, -20)
    fault = 'none'
    await store.put(HEAD, cut)
    await rebuild(store)
    expect(await outcome).toBe('pending')
  })

  it('rebuilds what the original system left, from its bodies', async () => {
    const store = createSimulatedStore(() => 'none')
    const key = `${BODIES}2025/03/01/first.json`
    await store.put(key, Buffer.from('{"note":"crème brûlée"}'))
    await store.put(HEAD, Buffer.from('{"id":"first","modu'))
    expect((await check(store)).problems).toMatchObject([{ kind: 'head-damaged' }])
    const report = await rebuild(store)
    expect(report).toMatchObject({ base: null, records: 1, fromListing: 1, uncertain: ['first'] })
    const entry = (await headOf(store)).tail[0]?.entry
    expect(entry).toMatchObject({ id: 'first', key, rev: 1, sha256: '', data_type: 'json' })
    expect(entry?.text).toContain('creme brulee')
    expect((await check(store)).problems).toEqual([])
  })

  it('takes no part for whole that is not to its end what this library writes', async () => {
    const history = await startRichHistory()
    for (const key of await keysOf(history.store, `${PARTS}s/`)) await truncateAt(history.store, key, 0.7)
    await history.store.delete(HEAD)
    const report = await rebuild(history.store)
    await expectRestored(history, report.uncertain)
    expect((await check(history.store)).problems).toEqual([])
  })

  it('keeps the highest floor it finds, and raises it to what may have been collected', async () => {
    const { store, manifest } = await startRichHistory()
    const floor = '2026-01-01T00:00:00.000Z'
    await manifest.publish({ floor })
    await truncateAt(store, HEAD, 0.99)
    await rebuild(store)
    expect(parseHead(await bytesAt(store, HEAD), NAMESPACE).header.floor).not.toBeNull()
  })
})
