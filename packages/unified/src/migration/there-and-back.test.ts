import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { collectBytes, createMemoryBackend, createMemoryBody, recordEtag } from '@umbra/core'
import type { EntryDraft, Namespace, StorageBackend } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { contentsOf, put, remove } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

let server: LocalR2
let folder: StorageFolder
let databases = 0
beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

const openSqlite = () =>
  createSqliteBackend({ path: `${folder.sqlitePath}-${++databases}`, durability: 'relaxed' })

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => text.isWellFormed())
  .map((text) => text.normalize('NFC'))

const record = fc.record({
  id: name,
  rev: fc.integer({ min: 1, max: 50 }),
  at: fc.date({ min: new Date('1990-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
  bytes: fc.uint8Array({ maxLength: 300 }),
  metadata: fc.dictionary(
    fc.string({ minLength: 1, maxLength: 5 }),
    fc.oneof(fc.string(), fc.integer(), fc.boolean()),
  ),
  format: fc.constantFrom('json', 'jsonl', 'binary' as const),
  deleted: fc.boolean(),
})

type Sample = typeof record extends fc.Arbitrary<infer T> ? T : never

describe('a migration to r2 and back into an empty database', () => {
  it('is the identity, whatever the records are', async () => {
    const r2 = await createR2Backend(server.settings)
    let run = 0
    const samples = fc.uniqueArray(record, { selector: ({ id }) => id, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(samples, name, async (records, userId) => {
        // A module for each run: the bucket is the same one.
        const namespace = { module: `there-and-back-${++run}`, userId }
        const [first, last] = await Promise.all([openSqlite(), openSqlite()])
        for (const sample of records) await store(first, namespace, sample)
        const scope = { module: namespace.module }
        await runMigration(first, r2, scope)
        await runMigration(r2, last, scope)
        expect(await contentsOf(last, namespace)).toEqual(await contentsOf(first, namespace))
        expect(await contentsOf(r2, namespace)).toEqual(await contentsOf(first, namespace))
        expect(await bodies(last, namespace)).toEqual(await bodies(first, namespace))
        expect(await verifyMigration(first, last, scope)).toMatchObject({ equal: true })
        await Promise.all([first.close(), last.close()])
      }),
      { numRuns: 20 },
    )
    await r2.close()
  })
})

it('a body that is sent in parts comes over whole, and leaves no temporary file', async () => {
  const namespace = { module: 'large', userId: 'u' }
  const [first, last, r2] = await Promise.all([openSqlite(), openSqlite(), createR2Backend(server.settings)])
  const bytes = Buffer.alloc(33 * 1024 * 1024, 'all work and no play ')
  const sample = {
    id: 'large',
    rev: 2,
    at: new Date(0),
    bytes,
    metadata: {},
    format: 'binary',
    deleted: false,
  } as const
  await store(first, namespace, sample)
  await store(first, namespace, { ...sample, id: 'small', bytes: bytes.subarray(0, 9) })
  const temporary = async () =>
    (await readdir(tmpdir())).filter((file) => file.startsWith(`umbra-body-${process.pid}-`))
  const before = await temporary()
  expect((await runMigration(first, r2, { module: 'large' })).total).toMatchObject({ copied: 2 })
  expect((await runMigration(r2, last, { module: 'large' })).total).toMatchObject({ copied: 2 })
  expect(await bodies(last, namespace)).toEqual(await bodies(first, namespace))
  expect(await temporary()).toEqual(before)
  await Promise.all([first.close(), last.close(), r2.close()])
})

async function store(backend: StorageBackend, namespace: Namespace, sample: Sample): Promise<void> {
  const { id, rev, at, bytes, metadata, format, deleted } = sample
  const body = createMemoryBody(bytes)
  const draft: EntryDraft = {
    id,
    module: namespace.module,
    user_id: namespace.userId,
    timestamp: at.toISOString(),
    data_type: format,
    size: body.size,
    metadata,
    sha256: body.sha256,
    record_count: format === 'jsonl' ? 3 : null,
    text: 'some words',
    ...(rev > 1 && { updated_at: at.toISOString() }),
    ...(format === 'binary' && { filename: 'a.bin', content_type: 'image/png' }),
  }
  await backend.commit(namespace, [{ kind: 'put', draft, body, rev, expect: { kind: 'absent' } }])
  if (deleted) await remove(backend, id, namespace)
}

async function bodies(backend: StorageBackend, namespace: Namespace) {
  const { items } = await backend.findEntries(namespace, { order: 'oldest', limit: 100 })
  return Promise.all(
    items.map(async (stored) => {
      const bytes = await collectBytes(await backend.openBody(stored))
      return [recordEtag(stored.entry), createHash('sha256').update(bytes).digest('hex')]
    }),
  )
}

describe.each([
  ['memory', async () => createMemoryBackend()],
  ['sqlite', openSqlite],
  ['r2', () => createR2Backend(server.settings)],
])('the inventory of %s', (_name, open) => {
  it('lists namespaces, callers’ blobs in order, and deletions', async () => {
    const backend = await open()
    const odd = { module: 'inventory', userId: 'ü/ñ' }
    const emptied = { module: 'inventory', userId: 'emptied' }
    await put(backend, { id: 'a', value: 1 }, { namespace: odd })
    await put(backend, { id: 'gone', value: 1 }, { namespace: emptied, rev: 3 })
    await remove(backend, 'gone', emptied)
    for (const path of ['json_blobs/b.json', 'json_blobs/a.json', 'hybrid/note'])
      await backend.blobs.put(path, new TextEncoder().encode('1'), undefined)
    await backend.blobs.put('json_blobs/deleted.json', new TextEncoder().encode('1'), undefined)
    await backend.blobs.delete('json_blobs/deleted.json', undefined)

    const namespaces = await collect(backend.inventory?.listNamespaces())
    expect(
      namespaces
        .filter(({ module }) => module === 'inventory')
        .sort((a, b) => (a.userId < b.userId ? -1 : 1)),
    ).toEqual([emptied, odd])
    expect(await collect(backend.inventory?.listBlobs())).toEqual([
      { path: 'json_blobs/a.json', etag: 'c4ca4238a0b923820dcc509a6f75849b', size: 1 },
      { path: 'json_blobs/b.json', etag: 'c4ca4238a0b923820dcc509a6f75849b', size: 1 },
    ])
    expect(await backend.inventory?.findDeletions(emptied, ['gone', 'never'])).toEqual(
      new Map([['gone', { rev: 4, timestamp: '2026-01-02T03:04:05.678Z' }]]),
    )
    expect(await backend.inventory?.findDeletions(odd, ['a'])).toEqual(new Map())
    await backend.close()
  })

  it('belongs to a store that takes a copy only over what is older', async () => {
    const backend = await open()
    const namespace = { module: 'older', userId: 'u' }
    await put(backend, { id: 'live', value: 1 }, { namespace, rev: 5 })
    await expect(put(backend, { id: 'live', value: 2 }, { namespace, rev: 5 })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { currentRevision: 5 },
    })
    await remove(backend, 'live', namespace)
    await expect(put(backend, { id: 'live', value: 2 }, { namespace, rev: 6 })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { currentRevision: 6 },
    })
    expect(await put(backend, { id: 'live', value: 2 }, { namespace, rev: 9 })).toMatchObject({ rev: 9 })
    await backend.close()
  })
})

async function collect<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const item of items ?? []) all.push(item)
  return all
}
