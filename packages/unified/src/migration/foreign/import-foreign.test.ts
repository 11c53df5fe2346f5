import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createMemoryBackend, manageBackend, UmbraError } from '@umbra/core'
import type { Namespace, ObjectInfo, StorageBackend, StorageManager } from '@umbra/core'
import { createParquetCodec } from '@umbra/r2/duckdb'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createImportMirror } from '../../hybrid/import-mirror.ts'
import { createStorageFolder } from '../../storage-folder.fixture.ts'
import type { StorageFolder } from '../../storage-folder.fixture.ts'
import { createFolderSource } from './folder-source.ts'
import type { ForeignSource, Rejection } from './foreign-record.ts'
import { importForeign } from './import-foreign.ts'
import { createOriginalBucketSource } from './original-bucket-source.ts'

const PLACE: Namespace = { module: 'imported', userId: 'u' }
const parquet = createParquetCodec()
afterAll(() => parquet.close())

describe('an import', () => {
  let folder: StorageFolder
  let rejections: Rejection[]
  beforeEach(async () => {
    folder = await createStorageFolder()
    rejections = []
    return () => folder.remove()
  })

  const target = createMemoryBackend
  const run = (source: ForeignSource, into: ReturnType<typeof target>, dryRun = false) =>
    importForeign(source, into, { parquet, dryRun, onRejection: (rejection) => rejections.push(rejection) })

  async function write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(folder.path, 'in', name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    return path
  }
  const files = () => join(folder.path, 'in')
  const read = (storage: StorageManager, id: string) => storage.retrieveData(PLACE.module, PLACE.userId, id)

  describe('of a folder', () => {
    it('makes every file a record, and lists each row that cannot be converted', async () => {
      await write('config.json', '{"theme":"dark"}')
      await write('broken.json', '{"theme":')
      await write('days/events.jsonl', '{"n":1}\nnot json\n\n{"n":2}\n')
      await write(
        'people.csv',
        'name,city\r\n"Ada, Countess",London\r\nonly-one-field\r\n"say ""hi""","two\nlines"\r\n',
      )
      await write('notes.txt', 'hello')
      await parquet.write([{ a: 1 }, { a: 2 }], await write('rows.parquet', ''))
      const backend = target()
      const report = await run(createFolderSource(files(), { namespace: PLACE, parquet }), backend)
      expect(report).toMatchObject({ rejected: 4, migration: { total: { copied: 4 } } })
      const storage = manageBackend(backend, { parquet })
      expect(await read(storage, 'config.json')).toMatchObject({
        data: { theme: 'dark' },
        metadata: { source: 'config.json' },
      })
      expect(await read(storage, 'days/events.jsonl')).toMatchObject({
        data: { records: [{ n: 1 }, { n: 2 }] },
        recordCount: 2,
      })
      expect(await read(storage, 'people.csv')).toMatchObject({
        dataFormat: 'jsonl',
        data: {
          records: [
            { name: 'Ada, Countess', city: 'London' },
            { name: 'say "hi"', city: 'two\nlines' },
          ],
        },
      })
      expect(await read(storage, 'rows.parquet')).toMatchObject({
        dataFormat: 'parquet',
        data: { records: [{ a: 1 }, { a: 2 }] },
      })
      expect(rejections.sort((a, b) => (a.origin < b.origin ? -1 : 1))).toEqual([
        { origin: 'broken.json', place: undefined, reason: 'is not JSON' },
        { origin: 'days/events.jsonl', place: 'line 2', reason: 'is not JSON', raw: 'not json' },
        { origin: 'notes.txt', place: undefined, reason: 'is no JSON, JSONL, Parquet or CSV file' },
        {
          origin: 'people.csv',
          place: 'line 3',
          reason: 'has 1 fields, the first line has 2',
          raw: 'only-one-field',
        },
      ])
    })

    it('does nothing the second time, whatever the time of the files', async () => {
      const path = await write('config.json', '{"theme":"dark"}')
      await parquet.write([{ a: 1 }], await write('rows.parquet', ''))
      const backend = target()
      const source = createFolderSource(files(), { namespace: PLACE, parquet })
      await run(source, backend)
      await utimes(path, 1, 1)
      expect(await run(source, backend)).toMatchObject({ unchanged: 2, migration: { total: { copied: 0 } } })
    })

    it('lists a file that changed since as a conflict, and leaves what was imported', async () => {
      await write('config.json', '{"theme":"dark"}')
      const backend = target()
      const source = createFolderSource(files(), { namespace: PLACE, parquet })
      await run(source, backend)
      await write('config.json', '{"theme":"light"}')
      expect(await run(source, backend)).toMatchObject({ migration: { total: { copied: 0, conflicts: 1 } } })
      expect(await read(manageBackend(backend), 'config.json')).toMatchObject({ data: { theme: 'dark' } })
    })

    it('makes every row a record under the id it names', async () => {
      await write('people.csv', 'key,name\na,Ada\nb,Bob\n,Nobody\na,Another\n')
      const backend = target()
      const source = createFolderSource(files(), { namespace: PLACE, unit: 'row', idField: 'key', parquet })
      const report = await run(source, backend)
      expect(report).toMatchObject({ rejected: 2, migration: { total: { copied: 2 } } })
      expect(await read(manageBackend(backend), 'a')).toMatchObject({ data: { key: 'a', name: 'Ada' } })
      expect(rejections).toMatchObject([
        { origin: 'people.csv', place: 'row 4', reason: 'has no key to be its id' },
        { reason: 'the id occurs twice. id=a', raw: '{"key":"a","name":"Another"}' },
      ])
      expect(await run(source, backend)).toMatchObject({
        migration: { total: { copied: 0, alreadyThere: 2 } },
      })
    })

    it('takes module and user from the folders when they are not given', async () => {
      await write('finance/ada/a.json', '1')
      await write('lost.json', '1')
      await write('manifests/ada/b.json', '1')
      const backend = target()
      await run(createFolderSource(files(), { parquet }), backend)
      expect(await manageBackend(backend).retrieveData('finance', 'ada', 'a.json')).toMatchObject({ data: 1 })
      expect(rejections.map(({ reason }) => reason)).toEqual([
        'is not inside a folder for its module and one for its user; give both',
        expect.stringContaining('must not be a reserved name'),
      ])
    })

    it('writes nothing in a dry run', async () => {
      await write('config.json', '{}')
      const backend = target()
      const report = await run(createFolderSource(files(), { namespace: PLACE, parquet }), backend, true)
      expect(report).toMatchObject({ migration: { dryRun: true, total: { copied: 1 } } })
      expect(await manageBackend(backend).retrieveData(PLACE.module, PLACE.userId)).toEqual([])
    })

    it('says when there is no such folder', async () => {
      const source = createFolderSource(join(folder.path, 'none'), { namespace: PLACE, parquet })
      await expect(run(source, target())).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    })

    it('survives a file that is not what its name says', async () => {
      await write('fake.parquet', 'not parquet')
      await write('latin1.csv', Buffer.from('name\nMüller\n', 'latin1'))
      await write('open.csv', 'name\n"never closed\n')
      await write('good.json', '1')
      const report = await run(createFolderSource(files(), { namespace: PLACE, parquet }), target())
      expect(report).toMatchObject({ rejected: 3, migration: { total: { copied: 1 } } })
    })
  })

  describe("of a bucket in the original system's layout", () => {
    const line = JSON.stringify({
      id: 'abc123',
      module: 'finance',
      user_id: 'user123',
      timestamp: '2024-01-15T10:00:00',
      data_type: 'jsonl',
      key: 'finance/user123/2024/01/15/abc123.jsonl',
      etag: '"x"',
      size: 9,
      metadata: { kind: 'transactions' },
    })
    const objects = new Map([
      ['finance/user123/2024/01/15/abc123.jsonl', '{"a":1}\n{'],
      ['finance/user123/2024/01/15/ghi789.json', '{"b":2}'],
      ['finance/user123/2024/01/15/bad.json', '{'],
      ['json_blobs/settings_global.json', '{"theme":"dark"}'],
      ['json_blobs/broken.json', '{'],
      ['manifests/finance/user123/manifest.jsonl', `${line}\n`],
      ['other/user1/2024/01/16/x.json', '3'],
      ['other/user1/2024/01/16/report.pdf', '%PDF'],
      ['manifests/other/user1/manifest.jsonl', 'damaged'],
    ])
    const written = new Map<string, Uint8Array>()
    const bucket = {
      async *listObjects(prefix: string): AsyncGenerator<ObjectInfo> {
        for (const key of [...objects.keys(), ...written.keys()].sort()) {
          if (key.startsWith(prefix))
            yield { key, etag: 'e', size: 1, lastModified: new Date('2024-01-15T12:00:00Z') }
        }
      },
      downloadData: async (key: string) => {
        const text = objects.get(key)
        return text === undefined ? (written.get(key) ?? null) : new TextEncoder().encode(text)
      },
    }

    it('keeps what the manifests say, takes what they forgot, and lists what is damaged', async () => {
      const file = await write('def456.parquet', '')
      await parquet.write([{ month: '2024-01' }], file)
      written.set('analytics/user1/2024/01/15/def456.parquet', await readFile(file))
      const backend = target()
      const report = await run(createOriginalBucketSource(bucket, parquet), backend)
      expect(report).toMatchObject({ rejected: 4, migration: { total: { copied: 6 } } })
      const storage = manageBackend(backend, { parquet })
      expect(await storage.retrieveData('finance', 'user123', 'abc123')).toMatchObject({
        timestamp: '2024-01-15T10:00:00.000Z',
        metadata: { kind: 'transactions' },
        data: { records: [{ a: 1 }] },
      })
      expect(await storage.retrieveData('finance', 'user123', 'ghi789')).toMatchObject({
        timestamp: '2024-01-15T12:00:00.000Z',
        data: { b: 2 },
      })
      expect(await storage.retrieveData('analytics', 'user1', 'def456')).toMatchObject({
        data: { records: [{ month: '2024-01' }] },
      })
      expect(await storage.retrieveData('other', 'user1', 'report')).toMatchObject({ filename: 'report.pdf' })
      expect(await storage.getBlob('settings_global')).toMatchObject({ value: { theme: 'dark' } })
      expect(rejections.map(({ origin }) => origin).sort()).toEqual([
        'finance/user123/2024/01/15/abc123.jsonl',
        'finance/user123/2024/01/15/bad.json',
        'json_blobs/broken.json',
        'manifests/other/user1/manifest.jsonl',
      ])
      expect(await run(createOriginalBucketSource(bucket, parquet), backend)).toMatchObject({
        migration: { total: { copied: 0, alreadyThere: 6, conflicts: 0 } },
      })
    })
  })

  it('gives a mirror its copies also when the answer of the target was lost', async () => {
    await write('a.json', '1')
    await write('b.json', '2')
    const [backend, secondary] = [target(), target()]
    let isLost = false
    const commit: StorageBackend['commit'] = async (...about) => {
      const stored = await backend.commit(...about)
      if (isLost) return stored
      isLost = true
      throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
    }
    await importForeign(
      createFolderSource(files(), { namespace: PLACE, parquet }),
      { ...backend, commit },
      {
        parquet,
        clock: { now: () => 0, sleep: async () => {} },
        mirror: createImportMirror({ primary: backend, secondary }),
        onRejection: (rejection) => rejections.push(rejection),
      },
    )
    const copies = await manageBackend(secondary).retrieveData(PLACE.module, PLACE.userId)
    expect(new Map(copies.map(({ id, data }) => [id, data]))).toEqual(
      new Map([
        ['a.json', 1],
        ['b.json', 2],
      ]),
    )
  })

  it('goes into a SQLite file as well', async () => {
    await write('a.json', '1')
    const backend = await createSqliteBackend({ path: folder.sqlitePath })
    const report = await run(createFolderSource(files(), { namespace: PLACE, parquet }), backend)
    expect(report.migration.total.copied).toBe(1)
    await backend.close()
  })

  it('goes on when an unchanged file is gone before its rows are listed again', async () => {
    const path = await write('a.jsonl', '1\noops\n')
    await write('b.json', '2')
    const backend = target()
    const source = createFolderSource(files(), { namespace: PLACE, parquet })
    await run(source, backend)
    rejections = []
    const removing: ForeignSource = {
      async *records(reject) {
        yield* source.records(reject)
        await rm(path)
      },
    }
    expect(await run(removing, backend)).toMatchObject({ unchanged: 2, rejected: 1 })
    expect(rejections).toMatchObject([{ origin: 'a.jsonl', reason: 'cannot be read. error=ENOENT' }])
  })
})
