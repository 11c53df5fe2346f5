import { execFile } from 'node:child_process'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { Namespace, ParquetCodec } from '@umbra/core'
import { createParquetCodec } from '@umbra/r2/duckdb'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../../storage-folder.fixture.ts'
import { createFolderSource } from './folder-source.ts'
import type { ForeignSource, Rejection } from './foreign-record.ts'
import { importForeign } from './import-foreign.ts'

const PLACE: Namespace = { module: 'imported', userId: 'u' }
const parquet = createParquetCodec()
afterAll(() => parquet.close())

describe('a folder', () => {
  let files: string
  let rejections: Rejection[]
  beforeEach(async () => {
    const folder = await createStorageFolder()
    files = join(folder.path, 'in')
    await mkdir(files)
    rejections = []
    return () => folder.remove()
  })

  const run = (source: ForeignSource, into = createMemoryBackend()) =>
    importForeign(source, into, { parquet, onRejection: (rejection) => rejections.push(rejection) })

  async function write(name: string, content: string): Promise<string> {
    const path = join(files, name)
    await writeFile(path, content)
    return path
  }

  it('lists again what a file that it has imported before is missing', async () => {
    await write('rows.jsonl', '{"n":1}\noops\n')
    await write('people.csv', 'a\n1\n1,2\n')
    const backend = createMemoryBackend()
    const source = createFolderSource(files, { namespace: PLACE, parquet })
    await run(source, backend)
    const first = rejections.splice(0)
    expect(first).toHaveLength(2)
    expect(await run(source, backend)).toMatchObject({ unchanged: 2, rejected: 2 })
    expect(rejections).toEqual(first)
  })

  it('lists links and files that cannot be read, and takes over the others', async () => {
    const path = await write('a.json', '1')
    await write('b.json', '2')
    const last = await write('c.jsonl', '3\n')
    await symlink(path, join(files, 'd.json'))
    const source = createFolderSource(files, { namespace: PLACE, parquet })
    const losing: ForeignSource = {
      async *records(reject) {
        for await (const record of source.records(reject)) {
          await rm(last, { force: true })
          if (record.id === 'b.json') await rm(join(files, 'b.json'))
          yield record
        }
      },
    }
    expect(await run(losing)).toMatchObject({ rejected: 3, migration: { total: { copied: 1 } } })
    expect(rejections).toEqual([
      { origin: 'c.jsonl', place: undefined, reason: 'cannot be read. error=ENOENT' },
      { origin: 'd.json', place: undefined, reason: 'is a link or a device, not a file' },
      { origin: 'b.json', place: undefined, reason: 'cannot be read. error=ENOENT' },
    ])
  })

  it('lists what JavaScript would change, whole files and rows alike, and takes over the others', async () => {
    await write('large.json', '{"n":9007199254740993}')
    await write('rows.jsonl', '{"n":1}\n{"n":9007199254740993}\n{"n":1,"n":2}\n')
    await write('twice.json', '{"n":1,"n":2}')
    const source = createFolderSource(files, { namespace: PLACE, parquet })
    expect(await run(source)).toMatchObject({ rejected: 4, migration: { total: { copied: 1 } } })
    const rounded = 'has a whole number that JavaScript would round'
    const twice = 'has a key twice in one object. key=n'
    const byOrigin = (one: Rejection, other: Rejection) => (one.origin < other.origin ? -1 : 1)
    expect(rejections.toSorted(byOrigin)).toEqual([
      { origin: 'large.json', place: undefined, reason: rounded },
      { origin: 'rows.jsonl', place: 'line 2', reason: rounded, raw: '{"n":9007199254740993}' },
      { origin: 'rows.jsonl', place: 'line 3', reason: twice, raw: '{"n":1,"n":2}' },
      { origin: 'twice.json', place: undefined, reason: twice },
    ])
  })

  it('lists what is nested too deeply even to be kept, and takes over the others', async () => {
    await write('a.json', '1')
    await write('deep.json', `${'['.repeat(20_000)}${']'.repeat(20_000)}`)
    expect(await run(createFolderSource(files, { namespace: PLACE, parquet }))).toMatchObject({
      migration: { total: { copied: 1 } },
      rejected: 1,
    })
    expect(rejections).toMatchObject([{ origin: 'deep.json', reason: expect.stringContaining('nested') }])
  })

  it('lists a folder that cannot be read, and takes over what is beside it', async () => {
    await write('a.json', '1')
    // A path longer than any system takes, which keeps out the superuser too.
    const name = 'x'.repeat(200)
    const program = `for (let n = 0; n < 21; n++) { fs.mkdirSync('${name}'); process.chdir('${name}') }`
    await promisify(execFile)(process.execPath, ['-e', program], { cwd: files })
    try {
      const source = createFolderSource(files, { namespace: PLACE, parquet })
      expect(await run(source)).toMatchObject({ rejected: 1, migration: { total: { copied: 1 } } })
      expect(rejections).toMatchObject([
        { origin: expect.stringContaining(name), reason: 'cannot be read. error=ENAMETOOLONG' },
      ])
    } finally {
      // Node would name it by its path.
      await promisify(execFile)('rm', ['-r', name], { cwd: files })
    }
  })

  it('names rows by whole numbers of any size, and keeps what JSON does not have', async () => {
    await write('rows.parquet', '')
    const wide: ParquetCodec = {
      write: (...about) => parquet.write(...about),
      close: () => parquet.close(),
      // As it reads the files of other writers.
      async *read() {
        yield { id: 9_007_199_254_740_993n, n: 1 }
        yield { id: 2, n: 3 }
      },
    }
    await write('wide.jsonl', '{"id":"w","n":1e400}\n')
    const backend = createMemoryBackend()
    const source = createFolderSource(files, { namespace: PLACE, unit: 'row', idField: 'id', parquet: wide })
    expect(await run(source, backend)).toMatchObject({ rejected: 2, migration: { total: { copied: 1 } } })
    expect(await manageBackend(backend).retrieveData('imported', 'u', '2')).toMatchObject({
      data: { id: 2, n: 3 },
    })
    expect(rejections.map(({ raw }) => raw)).toEqual([
      '{"id":"9007199254740993","n":1}',
      '{"id":"w","n":"Infinity"}',
    ])
  })
})
