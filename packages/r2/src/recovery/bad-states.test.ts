import { parseHead, renderHead } from '@umbra/core'
import type { Clock, ObjectStore, WriterMark } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { anchorKey } from '../manifest/anchor.ts'
import { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { putMutation } from '../manifest/simulated-context.fixture.ts'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { checkNamespace } from './check-namespace.ts'
import {
  BODIES,
  bytesAt,
  contentOf,
  contextOver,
  HEAD,
  headOf,
  NAMESPACE,
  startHistory,
  startRichHistory,
} from './namespace-history.fixture.ts'
import { rebuildNamespace } from './rebuild-namespace.ts'

/** Records the keys that are written through it. */
function watchWrites(store: ObjectStore): { readonly objects: ObjectStore; readonly written: string[] } {
  const written: string[] = []
  const objects: ObjectStore = {
    ...store,
    put: (key, body, options) => (written.push(key), store.put(key, body, options)),
    delete: (key) => (written.push(key), store.delete(key)),
  }
  return { objects, written }
}

/** A new process reads and writes: both are told, and nothing of the manifest is touched. */
async function expectRefusal(store: ObjectStore, namespaceManifest?: NamespaceManifest): Promise<void> {
  const { objects, written } = watchWrites(store)
  const manifest = namespaceManifest ?? new NamespaceManifest(NAMESPACE, contextOver(objects, 'late'))
  const before = await bytesAt(store, HEAD)
  const read = manifest.read((snapshot) => snapshot.lookup(['r0', 'r1', 'r30']))
  await expect(read).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(/run fsck/) })
  const write = manifest.commit([putMutation('r30', 'new')])
  await expect(write).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(/run fsck/) })
  expect(written.filter((key) => !key.startsWith(BODIES))).toEqual([])
  expect(await bytesAt(store, HEAD)).toEqual(before)
}

describe('a manifest in a bad state', () => {
  it.each([
    ['cut short', (bytes: Uint8Array) => bytes.slice(0, -1_000)],
    ['cut in its last line', (bytes: Uint8Array) => bytes.slice(0, -2)],
    ['empty', () => new Uint8Array()],
    [
      'edited',
      (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString().replace('"live":', '"live":1')),
    ],
    [
      'with CRLF line ends',
      (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString().replaceAll('\n', '\r\n')),
    ],
    ['with a byte order mark', (bytes: Uint8Array) => Buffer.concat([Buffer.from('\uFEFF'), bytes])],
    [
      'of another namespace',
      (bytes: Uint8Array) => {
        const head = parseHead(bytes, NAMESPACE)
        return renderHead({ ...head, header: { ...head.header, module: 'other' } })
      },
    ],
  ])('that is %s is refused by reads and by writes', async (_, change) => {
    const { store } = await startRichHistory()
    await store.put(HEAD, change(await bytesAt(store, HEAD)))
    await expectRefusal(store)
  })

  it.each(['a process that knows better', 'a new process'])(
    'that the original system has written over is refused by %s',
    async (process) => {
      const history = await startRichHistory()
      const line = {
        id: 'r0',
        module: NAMESPACE.module,
        user_id: NAMESPACE.userId,
        timestamp: '2024-01-15T10:30:00',
        data_type: 'json',
        key: `${BODIES}2024/01/15/r0.json`,
        size: 12,
      }
      await history.store.put(HEAD, Buffer.from(`${JSON.stringify(line)}\n`))
      await expectRefusal(history.store, process === 'a new process' ? undefined : history.manifest)
    },
  )

  it('that is gone is refused, and not replaced by an empty one', async () => {
    const { store } = await startRichHistory()
    await store.delete(HEAD)
    await expectRefusal(store)
  })

  it('that is gone is refused also when its anchor has lost its content', async () => {
    const { store } = await startRichHistory()
    await store.delete(HEAD)
    await store.put(anchorKey(NAMESPACE), new Uint8Array())
    await expectRefusal(store)
  })

  it('that is older than the one a process has seen is refused', async () => {
    const history = await startRichHistory()
    await history.store.put(HEAD, history.store.history(HEAD)[3] ?? new Uint8Array())
    const before = await contentOf(history.store)
    // Its write names the version it has seen, so the store refuses it.
    await expectRefusal(history.store, history.manifest)
    for (const [key, etag] of await contentOf(history.store))
      if (!key.startsWith(BODIES)) expect(before.get(key)).toBe(etag)
  })

  it('that is older than one only others have seen is taken by a new process for the newest, and written over; a check tells until then', async () => {
    const { store, manifest } = await startRichHistory()
    const lost = (await headOf(store)).header.seq
    await store.put(HEAD, store.history(HEAD)[3] ?? new Uint8Array())
    const { problems } = await checkNamespace(NAMESPACE, {}, contextOver(store, 'check'))
    expect(problems).toMatchObject([{ kind: 'head-damaged', message: expect.stringContaining('older than') }])
    const late = new NamespaceManifest(NAMESPACE, contextOver(store, 'late'))
    await late.commit([putMutation('r40', 'new')])
    expect((await late.read((snapshot) => snapshot.lookup(['r1', 'r23', 'r40'])))?.size).toBe(2)
    // The version a process has seen protects from older ones, and not from what others make of them.
    await expectRefusal(store, manifest)
    for (let n = 41; (await headOf(store)).header.seq <= lost; n++)
      await late.commit([putMutation(`r${n}`, 'new')])
    expect((await manifest.read((snapshot) => snapshot.lookup(['r23', 'r40'])))?.size).toBe(1)
  })

  it('that is older and looks whole is not rebuilt while it is there; once it is deleted, all that came later is back', async () => {
    const history = startHistory()
    await history.run([{ kind: 'put', id: 1 }])
    const backup = await bytesAt(history.store, HEAD)
    await history.run([{ kind: 'put', id: 2 }])
    await history.store.put(HEAD, backup)
    const context = contextOver(history.store, 'operator')
    // What came later looks like a body that was never committed.
    const { problems } = await checkNamespace(NAMESPACE, {}, context)
    expect(problems.map(({ kind }) => kind)).toEqual(['orphans'])
    const rebuild = () => rebuildNamespace(NAMESPACE, {}, context)
    await expect(rebuild()).rejects.toMatchObject({ code: 'CONFLICT' })
    await history.store.delete(HEAD)
    expect(await rebuild()).toMatchObject({ records: 2, uncertain: ['r1', 'r2'] })
  })

  it('that is older than what a writer was told that counts for itself is refused to it, and nothing is written', async () => {
    const { store } = await startRichHistory()
    const writer = new NamespaceManifest(NAMESPACE, contextOver(store, 'writer'))
    const send = (from: NamespaceManifest, n: number, mark?: WriterMark) => {
      const operation = { n, opId: `op-${n}`, queuedAt: 0, mutations: [putMutation(`r${40 + n}`, 'new')] }
      return from.commitNumbered({ writer: 'outbox', mark, operations: [operation] })
    }
    const first = await send(writer, 1)
    const backup = await bytesAt(store, HEAD)
    const { mark } = await send(writer, 2, first.mark)
    await store.put(HEAD, backup)
    const { objects, written } = watchWrites(store)
    const late = new NamespaceManifest(NAMESPACE, contextOver(objects, 'late'))
    // Up to where it must send again.
    await expect(send(late, 3, mark)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'head-regressed', mark: first.mark },
    })
    expect(written).toEqual([])
  })

  it('with a part that is gone stays in use for all that does not need the part', async () => {
    const { store, model } = await startRichHistory()
    const { parts } = await headOf(store)
    const lost = parts.at(-1)
    if (lost === undefined) throw new Error('there are no parts')
    await store.delete(lost.key)
    const manifest = new NamespaceManifest(NAMESPACE, contextOver(store, 'late'))
    const outcomes = await Promise.allSettled(
      [...model.keys()].map((id) => manifest.read((snapshot) => snapshot.lookupOne(id))),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'CORRUPT' })
    expect([refused.length > 0, refused.length < model.size]).toEqual([true, true])
    const [committed] = await manifest.commit([putMutation('s', 'beyond every id of the part')])
    expect(committed).toMatchObject({ id: 's', rev: 1 })
  })

  it.each([
    [
      'gone',
      (store: ObjectStore, key: string) => store.delete(key),
      'is gone; nothing was written; run fsck. key=m',
    ],
    // What to run is said by the cache on disk, which is not in use here: see its own test.
    ['changed', (store: ObjectStore, key: string) => store.put(key, Buffer.from('{}\n')), 'has other bytes'],
  ])('with a part that is %s is refused as soon as the part is needed', async (_, damage, reason) => {
    const { store } = await startRichHistory()
    for (const { key } of (await headOf(store)).parts) await damage(store, key)
    const { objects, written } = watchWrites(store)
    const manifest = new NamespaceManifest(NAMESPACE, contextOver(objects, 'late'))
    const read = manifest.read((snapshot) => snapshot.lookup(['r1']))
    const refusal = { code: 'CORRUPT', message: expect.stringContaining(reason) }
    await expect(read).rejects.toMatchObject(refusal)
    await expect(manifest.commit([putMutation('r1', 'new')])).rejects.toMatchObject(refusal)
    expect(written.filter((key) => !key.startsWith(BODIES))).toEqual([])
  })
})

describe('a clock that is ten minutes off', () => {
  it.each([-10, 10])('by %i minutes hinders no write and no read', async (minutes) => {
    const store = createSimulatedStore(() => 'none')
    const history = startHistory({ store })
    await history.run([{ kind: 'put', id: 1 }])
    const context = contextOver(store, 'skewed')
    const clock: Clock = { ...context.clock, now: () => context.clock.now() + minutes * 60_000 }
    const skewed = new NamespaceManifest(NAMESPACE, { ...context, clock })
    await skewed.commit([putMutation('r2', 'two')])
    await history.run([{ kind: 'put', id: 3 }])
    const found = await skewed.read((snapshot) => snapshot.lookup(['r1', 'r2', 'r3']))
    expect([...(found?.keys() ?? [])].sort()).toEqual(['r1', 'r2', 'r3'])
  })
})
