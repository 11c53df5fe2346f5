import { parseHead, renderHead } from '@umbra/core'
import type { CheckReport, ObjectStore } from '@umbra/core'
import { describe, expect, it } from 'vitest'
import { createSimulatedStore } from '../manifest/simulated-store.fixture.ts'
import { checkNamespace } from './check-namespace.ts'
import { rebuildNamespace } from './rebuild-namespace.ts'
import {
  BODIES,
  bytesAt,
  contentOf,
  contextOver,
  HEAD,
  headOf,
  liveEntries,
  NAMESPACE,
  startHistory,
  startRichHistory,
} from './namespace-history.fixture.ts'

const check = (store: ObjectStore, deep = false): Promise<CheckReport> =>
  checkNamespace(NAMESPACE, { deep }, contextOver(store, 'check'))

const kindsIn = ({ problems }: CheckReport) => problems.map(({ kind }) => kind)

async function cutShort(store: ObjectStore, key: string, bytes: number): Promise<void> {
  await store.put(key, (await bytesAt(store, key)).slice(0, -bytes))
}

describe('a check', () => {
  it('finds nothing wrong with what was only written, and counts it', async () => {
    const { store, model } = await startRichHistory()
    const before = await contentOf(store)
    const report = await check(store, true)
    const bytes = [...model.values()].reduce((total, { size }) => total + size, 0)
    const { parts } = await headOf(store)
    expect(parts.map(({ _ }) => _)).toContain('run')
    expect(report).toEqual({ records: model.size, parts: parts.length, bytes, problems: [] })
    expect(await contentOf(store)).toEqual(before)
  })

  it('finds nothing where nothing was ever stored', async () => {
    const store = createSimulatedStore(() => 'none')
    expect(await check(store)).toEqual({ records: 0, parts: 0, bytes: 0, problems: [] })
  })

  it('reports a manifest that is gone as lost', async () => {
    const { store } = await startRichHistory()
    await store.delete(HEAD)
    const report = await check(store)
    expect(report.problems).toMatchObject([{ kind: 'head-lost', subject: HEAD }])
    expect(report.problems[0]?.message).toContain('umbra rebuild')
  })

  it('reports a manifest that the original system has written over, and a rebuild brings the records back', async () => {
    const history = startHistory()
    await history.run([{ kind: 'put', id: 1 }])
    const [entry] = history.model.values()
    const { op: _, rev: __, ...line } = { ...entry, key: `${BODIES}2024/01/15/r0.json`, id: 'r0' }
    await history.store.put(HEAD, Buffer.from(`${JSON.stringify(line)}\n`))
    const report = await check(history.store)
    expect(report.problems).toMatchObject([{ kind: 'head-damaged', subject: HEAD }])
    expect(report.problems[0]?.message).toContain('original system')
    await rebuildNamespace(NAMESPACE, {}, contextOver(history.store, 'rebuild'))
    expect([...(await liveEntries(history.store)).keys()]).toEqual(['r1'])
  })

  it.each([
    ['cut short', (bytes: Uint8Array) => bytes.slice(0, -30)],
    ['empty', () => new Uint8Array()],
    [
      'edited',
      (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString().replace('"live":', '"live":1')),
    ],
    ['given a byte order mark', (bytes: Uint8Array) => Buffer.concat([Buffer.from('\uFEFF'), bytes])],
    ['that of another namespace', (bytes: Uint8Array) => foreign(bytes)],
  ])('reports a manifest that is %s as damaged', async (_, change) => {
    const { store } = await startRichHistory()
    await store.put(HEAD, change(await bytesAt(store, HEAD)))
    const report = await check(store)
    expect(report.problems).toMatchObject([{ kind: 'head-damaged', subject: HEAD }])
    expect(report.problems[0]?.message).toContain('umbra rebuild')
  })

  it('reports a manifest that was replaced by an older one', async () => {
    const { store } = await startRichHistory()
    const [first = new Uint8Array()] = store.history(HEAD)
    await store.put(HEAD, first)
    const report = await check(store)
    expect(report.problems).toMatchObject([{ kind: 'head-damaged' }])
    expect(report.problems[0]?.message).toContain('a backup was restored')
  })

  it('names a part that is gone', async () => {
    const { store } = await startRichHistory()
    const key = (await headOf(store)).parts[0]?.key ?? ''
    await store.delete(key)
    expect((await check(store)).problems).toMatchObject([{ kind: 'part-missing', subject: key }])
  })

  it('names a part that was edited, and judges the object, not the copy on this machine', async () => {
    const { store } = await startRichHistory()
    const context = contextOver(store, 'check')
    await checkNamespace(NAMESPACE, {}, context)
    const key = (await headOf(store)).parts[0]?.key ?? ''
    await cutShort(store, key, 10)
    const report = await checkNamespace(NAMESPACE, {}, context)
    expect(report.problems).toMatchObject([{ kind: 'part-damaged', subject: key }])
    expect(report.problems[0]?.message).toContain('umbra rebuild')
  })

  it('notices a part whose pointer says something else of it', async () => {
    const { store } = await startRichHistory()
    const head = await headOf(store)
    const parts = head.parts.map((part, index) => (index === 0 ? { ...part, rows: part.rows + 1 } : part))
    await store.put(HEAD, renderHead({ ...head, parts }))
    expect(kindsIn(await check(store))).toEqual(['part-damaged'])
  })

  it('notices that an entry is not among those the manifest counts', async () => {
    const { store } = await startRichHistory()
    const head = await headOf(store)
    await store.put(HEAD, renderHead({ ...head, header: { ...head.header, live: head.header.live + 1 } }))
    const report = await check(store)
    expect(report.problems).toMatchObject([{ kind: 'sum-mismatch', subject: HEAD }])
  })

  it('names the record whose body is gone, or has another length', async () => {
    const { store, model } = await startRichHistory()
    await store.delete(model.get('r1')?.key ?? '')
    await store.put(model.get('r2')?.key ?? '', Buffer.from('"short"'))
    const { problems } = await check(store)
    expect(problems.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['body-missing', 'r1'],
      ['body-damaged', 'r2'],
    ])
  })

  it('notices a body with the same length and other bytes only when it reads them', async () => {
    const { store, model } = await startRichHistory()
    const key = model.get('r5')?.key ?? ''
    const bytes = Uint8Array.from(await bytesAt(store, key))
    bytes[1] = (bytes[1] ?? 0) + 1
    await store.put(key, bytes)
    expect(kindsIn(await check(store))).toEqual([])
    expect((await check(store, true)).problems).toMatchObject([{ kind: 'body-damaged', subject: 'r5' }])
  })

  it('counts objects nothing refers to, and knows replaced revisions from them', async () => {
    const { store } = await startRichHistory()
    await store.put(`${BODIES}2026/01/01/left-behind.json`, Buffer.from('{}'))
    const { problems } = await check(store)
    expect(problems).toMatchObject([{ kind: 'orphans', subject: BODIES }])
    expect(problems[0]?.message).toMatch(/1 objects with 2 bytes.*umbra gc/)
  })

  it('asks the store for one listing of the bodies, and for no body', async () => {
    const { store } = await startRichHistory()
    const asked: string[] = []
    const counting: ObjectStore = {
      ...store,
      get: (key, options) => (asked.push(`get ${key}`), store.get(key, options)),
      head: (key) => (asked.push(`head ${key}`), store.head(key)),
      list: (prefix, options) => (asked.push(`list ${prefix}`), store.list(prefix, options)),
    }
    await check(counting)
    expect(asked.filter((request) => request.includes(` ${BODIES}`))).toEqual([`list ${BODIES}`])
    expect(asked.filter((request) => request.startsWith('head'))).toEqual([])
  })
})

/** A whole manifest, but of another user. */
function foreign(bytes: Uint8Array): Uint8Array {
  const head = parseHead(bytes, NAMESPACE)
  return renderHead({ ...head, header: { ...head.header, user_id: 'v' } })
}
