import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '@umbra/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

let folder: StorageFolder
let env: Environment
beforeEach(async () => {
  folder = await createStorageFolder()
  env = { STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath }
  return () => folder.remove()
})

const umbra = (words: readonly string[], stdin?: string) =>
  runUmbra(words, { env, ...(stdin !== undefined && { stdin }) })

describe('umbra put and get', () => {
  it('store what is piped in and print it again', async () => {
    const put = await umbra(
      ['put', 'finance', 'u', '--id', 'a', '--metadata', '{"kind":"note"}'],
      '{"amount":50}',
    )
    expect(put).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^a {2}1-[0-9a-f]{32}\n$/),
    })
    expect(await umbra(['get', 'finance', 'u', 'a'])).toEqual({
      exitCode: 0,
      stdout: '{"amount":50}\n',
      stderr: '',
    })
    const json = await umbra(['get', 'finance', 'u', 'a', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      id: 'a',
      data: { amount: 50 },
      metadata: { kind: 'note' },
    })
    const info = await umbra(['get', 'finance', 'u', 'a', '--info'])
    expect(JSON.parse(info.stdout)).not.toHaveProperty('data')
  })

  it('store files by their names and get them back byte for byte', async () => {
    const bytes = Buffer.from([0, 1, 2, 255])
    await writeFile(join(folder.path, 'photo.png'), bytes)
    await writeFile(join(folder.path, 'rows.jsonl'), '{"n":1}\n{"n":2}\n')
    const photo = await umbra(['put', 'm', 'u', join(folder.path, 'photo.png'), '--id', 'p', '--json'])
    expect(JSON.parse(photo.stdout)).toMatchObject({ dataFormat: 'binary', filename: 'photo.png', size: 4 })
    const out = join(folder.path, 'out.png')
    expect(await umbra(['get', 'm', 'u', 'p', '--out', out])).toMatchObject({ exitCode: 0 })
    expect(await readFile(out)).toEqual(bytes)
    expect(await umbra(['get', 'm', 'u', 'p', '--out', out])).toMatchObject({ exitCode: 2 })
    await umbra(['put', 'm', 'u', join(folder.path, 'rows.jsonl'), '--id', 'r'])
    expect(await umbra(['get', 'm', 'u', 'r'])).toMatchObject({ stdout: '{"n":1}\n{"n":2}\n' })
    await umbra(['put', 'm', 'u', '--format', 'parquet', '--id', 'q'], '{"n":1}\n{"n":2}\n')
    expect(await umbra(['get', 'm', 'u', 'q'])).toMatchObject({ stdout: '{"n":1}\n{"n":2}\n' })
  })

  it('refuse what is not UTF-8, and take a byte order mark for none of the text', async () => {
    const file = join(folder.path, 'latin1.json')
    await writeFile(file, Buffer.from('"M\u{fc}ller"', 'latin1'))
    expect(await umbra(['put', 'm', 'u', file, '--id', 'x'])).toMatchObject({ exitCode: 2, stdout: '' })
    await writeFile(file, '\u{feff}"M\u{fc}ller"')
    expect(await umbra(['put', 'm', 'u', file, '--id', 'x'])).toMatchObject({ exitCode: 0 })
    expect(await umbra(['get', 'm', 'u', 'x'])).toMatchObject({ stdout: '"M\u{fc}ller"\n' })
  })

  it('leave no half of a damaged body, so that nothing is in the way of the next try', async () => {
    await umbra(['put', 'm', 'u', '--id', 'x'], '"whole"')
    const database = await readFile(folder.sqlitePath)
    database.write('"wrong"', database.indexOf('"whole"'))
    await writeFile(folder.sqlitePath, database)
    const out = join(folder.path, 'out.json')
    expect(await umbra(['get', 'm', 'u', 'x', '--out', out])).toMatchObject({ exitCode: 1 })
    expect(existsSync(out)).toBe(false)
  })

  it('replace only what was named, or what was agreed to', async () => {
    const first = await umbra(['put', 'm', 'u', '--id', 'a', '--json'], '1')
    const { etag } = JSON.parse(first.stdout)
    expect(await umbra(['put', 'm', 'u', '--id', 'a'], '2')).toMatchObject({ exitCode: 3, stdout: '' })
    expect(await umbra(['put', 'm', 'u', '--id', 'a', '--if-match', etag], '2')).toMatchObject({
      exitCode: 0,
    })
    const stale = await umbra(['put', 'm', 'u', '--id', 'a', '--if-match', etag], '3')
    expect(stale).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('PRECONDITION_FAILED') })
    expect(await umbra(['put', 'm', 'u', '--id', 'a', '--replace'], '4')).toMatchObject({ exitCode: 2 })
    expect(await umbra(['put', 'm', 'u', '--id', 'a', '--replace', '--yes'], '4')).toMatchObject({
      exitCode: 0,
    })
    expect(await umbra(['get', 'm', 'u', 'a'])).toMatchObject({ stdout: '4\n' })
  })

  it('say that a record keeps its format', async () => {
    await umbra(['put', 'm', 'u', '--id', 'a'], '1')
    const replacement = ['put', 'm', 'u', '--id', 'a', '--replace', '--yes', '--format', 'jsonl']
    const refused = await umbra(replacement, '{"n":1}')
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('the record is json') })
    expect(await umbra(['get', 'm', 'u', 'a'])).toMatchObject({ stdout: '1\n' })
  })

  it('read standard input in the format that the record has', async () => {
    await umbra(['put', 'm', 'u', '--id', 'rows', '--format', 'jsonl'], '{"n":1}')
    const replacement = ['put', 'm', 'u', '--id', 'rows', '--replace', '--yes']
    expect(await umbra(replacement, '{"n":2}\n{"n":3}')).toMatchObject({ exitCode: 0 })
    expect(await umbra(['get', 'm', 'u', 'rows'])).toMatchObject({ stdout: '{"n":2}\n{"n":3}\n' })
  })

  it.each([
    ['text that is not JSON', ['put', 'm', 'u'], '{', 2],
    ['a number that would be rounded', ['put', 'm', 'u'], '9007199254740993', 2],
    ['a line that is not JSON', ['put', 'm', 'u', '--format', 'jsonl'], '{}\nx\n', 2],
    ['metadata that is no object', ['put', 'm', 'u', '--metadata', '[1]'], '1', 2],
    ['a format there is not', ['put', 'm', 'u', '--format', 'xml'], '1', 2],
    ['a replacement of nothing named', ['put', 'm', 'u', '--replace'], '1', 2],
    ['a record that is not there', ['get', 'm', 'u', 'none'], '', 1],
    ['a reserved module', ['put', 'manifests', 'u'], '1', 2],
    ['an unknown command', ['gett', 'm', 'u', 'a'], '', 2],
    ['an unknown option', ['get', 'm', 'u', 'a', '--colour'], '', 2],
    ['a missing argument', ['get', 'm'], '', 2],
    ['settings that cannot be used', ['put', 'm', 'u'], '1', 2, { STORAGE_BACKEND: 'r2' }],
  ] as const)('refuse %s', async (_name, words, stdin, exitCode, others: Environment = {}) => {
    const run = await runUmbra(words, { env: { ...env, ...others }, stdin })
    expect(run).toMatchObject({ exitCode, stdout: '' })
    expect(run.stderr).not.toBe('')
  })
})

describe('umbra search', () => {
  it('lists what matches, page by page', async () => {
    for (const id of ['a', 'b', 'c']) await umbra(['put', 'm', 'u', '--id', id], '{"text":"coffee"}')
    await umbra(['put', 'm', 'u', '--id', 'd', '--metadata', '{"a":"\\u001b[31mred"}'], '{"text":"tea"}')
    const page = await umbra(['search', 'm', 'u', 'coffee', '--limit', '2', '--json', '--oldest'])
    const { items, cursor } = JSON.parse(page.stdout)
    expect(items.map(({ id }: { id: string }) => id)).toEqual(['a', 'b'])
    const next = await umbra(['search', 'm', 'u', 'coffee', '--oldest', '--cursor', cursor])
    expect(next.stdout).toMatch(/^ID .*\nc +\d{4}-/)
    const tea = await umbra(['search', 'm', 'u', 'tea'])
    expect(tea.stdout).toContain('d ')
    expect(tea.stdout).not.toContain('\u001b')
  })
})

describe('umbra info and cost', () => {
  it('count what is there and price it', async () => {
    for (const id of ['a', 'b']) await umbra(['put', 'finance', 'u', '--id', id], '"1234567890"')
    const info = await umbra(['info', '--json'])
    expect(JSON.parse(info.stdout)).toMatchObject({
      backend: 'sqlite',
      stores: [
        {
          store: 'sqlite',
          health: { healthy: true },
          namespaces: [{ module: 'finance', userId: 'u', records: 2, bytes: 24 }],
          blobs: { blobs: 0, bytes: 0 },
        },
      ],
    })
    expect((await umbra(['info'])).stdout).toMatch(/^sqlite +finance +u +2 +24 B$/m)
    const cost = await umbra(['cost', '--json'])
    expect(JSON.parse(cost.stdout)).toMatchObject({
      records: 2,
      bytes: 24,
      writeAllOnce: { classA: 3, dollars: 3 * 4.5e-6 },
      readAllOnce: { classB: 3, dollars: 3 * 0.36e-6 },
    })
    expect((await umbra(['cost'])).stdout).toMatch(/^writing all of it once +3 Class A +\$0\.0000$/m)
  })
})
