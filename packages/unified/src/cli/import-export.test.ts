import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment, ObjectStore } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { beforeEach, describe, expect, it } from 'vitest'
import { changeFile } from '../../../sqlite/src/change-file.fixture.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { put } from '../migration/migration.fixture.ts'
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

const umbra = (words: readonly string[]) => runUmbra(words, { env })
const INTO = ['--module', 'imported', '--user', 'u']

describe('umbra import', () => {
  it('takes a folder over, lists what it cannot, and keeps that in a file', async () => {
    const path = join(folder.path, 'in')
    const rejects = join(folder.path, 'rejects.jsonl')
    await mkdir(path)
    await writeFile(join(path, 'good.json'), '{"a":1}')
    await writeFile(join(path, 'rows.jsonl'), '{"n":1}\noops\n')
    const run = await umbra(['import', path, ...INTO, '--rejects', rejects])
    expect(run).toMatchObject({ exitCode: 3, stderr: '' })
    expect(run.stdout).toMatch(/^imported +u +2 /m)
    expect(run.stdout).toContain('not converted  rows.jsonl, line 2: is not JSON\n')
    expect(JSON.parse(await readFile(rejects, 'utf8'))).toEqual({
      origin: 'rows.jsonl',
      place: 'line 2',
      reason: 'is not JSON',
      raw: 'oops',
    })
    expect(await umbra(['get', 'imported', 'u', 'good.json'])).toMatchObject({ stdout: '{"a":1}\n' })
  })

  it('takes a table over row by row, and does nothing the second time', async () => {
    // Any SQLite file: here one of our own.
    const foreign = join(folder.path, 'foreign.sqlite')
    const backend = await createSqliteBackend({ path: foreign })
    await put(backend, { id: 'r1', value: 1 })
    await put(backend, { id: 'r2', value: 2 })
    await backend.close()
    const words = ['import', foreign, '--from-table', 'records', '--id-column', 'id', ...INTO, '--json']
    const run = await umbra(words)
    expect(run.exitCode).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ rejected: 0, migration: { total: { copied: 2 } } })
    const row = await umbra(['get', 'imported', 'u', 'r2'])
    expect(JSON.parse(row.stdout)).toMatchObject({ id: 'r2', data_type: 'json', rev: 1, updated_at: null })
    expect(JSON.parse((await umbra(words)).stdout)).toMatchObject({
      migration: { total: { copied: 0, alreadyThere: 2, conflicts: 0 } },
    })
    const bodies = await umbra([
      'import',
      foreign,
      '--from-table',
      'bodies',
      '--module',
      'b',
      '--user',
      'u',
      '--json',
    ])
    expect(bodies.exitCode).toBe(3)
    expect(JSON.parse(bodies.stdout)).toMatchObject({
      rejected: 2,
      rejections: [
        { origin: 'bodies', place: 'row 1', reason: 'bytes is a blob, which JSON cannot hold' },
        {},
      ],
    })
  })

  it('ends with 3 when a table has other columns than before, and with 2 when it is gone', async () => {
    const foreign = join(folder.path, 'foreign.sqlite')
    changeFile(foreign, `CREATE TABLE goods (sku PRIMARY KEY, name); INSERT INTO goods VALUES ('a', 'Apple')`)
    const words = ['import', foreign, '--from-table', 'goods', ...INTO, '--json']
    expect(await umbra(words)).toMatchObject({ exitCode: 0 })
    changeFile(foreign, `ALTER TABLE goods ADD COLUMN price; INSERT INTO goods VALUES ('b', 'Bread', 2)`)
    for (const copied of [1, 0]) {
      const changed = await umbra(words)
      expect(changed.exitCode).toBe(3)
      expect(JSON.parse(changed.stdout)).toMatchObject({
        rejected: 0,
        migration: { total: { copied, conflicts: 1 }, findings: [{ kind: 'conflict', id: 'a' }] },
      })
    }
    changeFile(foreign, 'DROP TABLE goods')
    const dropped = await umbra(words)
    expect(dropped.exitCode).toBe(2)
    expect(JSON.parse(dropped.stdout)).toMatchObject({ error: { code: 'INVALID_INPUT' } })
    expect(await umbra(['get', 'imported', 'u', 'a'])).toMatchObject({
      stdout: '{"sku":"a","name":"Apple"}\n',
    })
  })

  it("takes over a bucket in the original system's layout", async () => {
    const server = await startLocalR2()
    const { objects, close } = await openBucket(server)
    const place = 'finance/user123/2024/01/15'
    for (const [key, text] of [
      [`${place}/abc123.jsonl`, '{"amount":25.5}\n{"amount":\n'],
      [`${place}/ghi789.json`, '{"theme":"dark"}'],
      ['json_blobs/settings_global.json', '{"currency":"USD"}'],
    ] as const)
      await objects.put(key, new TextEncoder().encode(text))
    await close()
    const both = { ...env, ...toEnvironment(server), R2_BUCKET: 'another' }
    const words = ['import', '--original', '--bucket', server.bucket]
    const run = await runUmbra(words, { env: both })
    expect(run).toMatchObject({ exitCode: 3, stderr: '' })
    expect(run.stdout).toContain(`not converted  ${place}/abc123.jsonl, line 2: is not JSON`)
    expect(await umbra(['get', 'finance', 'user123', 'abc123'])).toMatchObject({
      stdout: '{"amount":25.5}\n',
    })
    expect(await umbra(['get', 'finance', 'user123', 'ghi789'])).toMatchObject({
      stdout: '{"theme":"dark"}\n',
    })
    const info = await umbra(['info', '--json'])
    expect(JSON.parse(info.stdout)).toMatchObject({ stores: [{ blobs: { blobs: 1 } }] })
    await server.close()
  })

  it('overwrites no file with what it rejects, unless that was agreed to', async () => {
    const path = join(folder.path, 'in')
    const rejects = join(folder.path, 'rejects.jsonl')
    await mkdir(path)
    await writeFile(join(path, 'bad.json'), '{')
    await writeFile(rejects, 'mine')
    const words = ['import', path, ...INTO, '--rejects', rejects]
    expect(await umbra(words)).toMatchObject({ exitCode: 2, stdout: '' })
    expect(await readFile(rejects, 'utf8')).toBe('mine')
    expect(await umbra([...words, '--yes'])).toMatchObject({ exitCode: 3 })
    expect(await readFile(rejects, 'utf8')).toContain('bad.json')
    expect(await umbra([...words.slice(0, -1), join(folder.path, 'none', 'x')])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('the file for rejects cannot be written'),
    })
  })

  it('creates no database in a dry run', async () => {
    await writeFile(join(folder.path, 'a.json'), '1')
    const run = await umbra(['import', join(folder.path, 'a.json'), ...INTO, '--dry-run'])
    expect(run).toMatchObject({ exitCode: 0 })
    expect(await readdir(folder.path)).toEqual(['a.json'])
  })

  it.each([
    ['no path', ['import', ...INTO]],
    ['a path that is not there', ['import', '/nowhere/at/all', ...INTO]],
    ['a table without a place for it', ['import', 'x.sqlite', '--from-table', 't']],
    ['half a place', ['import', '.', '--module', 'm']],
    ['a database that is not there', ['import', '/nowhere/x.sqlite', '--from-table', 't', ...INTO]],
  ])('refuses %s', async (_name, words) => {
    expect(await umbra(words)).toMatchObject({ exitCode: 2, stdout: '' })
  })
})

describe('umbra export', () => {
  it('writes bodies, what is known of them, and blobs, and never leaves its folder', async () => {
    const backend = await createSqliteBackend({ path: folder.sqlitePath })
    await put(backend, { id: '../../escape', value: 1 }, { namespace: { module: 'm', userId: '..' } })
    await put(backend, { id: 'a', value: { x: 1 } }, { rev: 2 })
    await backend.blobs.put('json_blobs/s/t.json', new TextEncoder().encode('{}'), undefined)
    await backend.close()
    const out = join(folder.path, 'out')
    const run = await umbra(['export', out, '--json'])
    expect(run.exitCode).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ records: 2, blobs: 1, damaged: [] })
    expect((await readdir(out, { recursive: true })).sort()).toEqual([
      'finance',
      'finance/user123',
      'finance/user123/a.json',
      'finance/user123~records.jsonl',
      'json_blobs',
      'json_blobs/s',
      'json_blobs/s/t.json',
      'm',
      'm/%2E%2E',
      'm/%2E%2E/..%2F..%2Fescape.json',
      'm/%2E%2E~records.jsonl',
    ])
    expect(await readFile(join(out, 'finance/user123/a.json'), 'utf8')).toBe('{"x":1}')
    const index = JSON.parse(await readFile(join(out, 'finance/user123~records.jsonl'), 'utf8'))
    expect(index).toMatchObject({ file: 'a.json', id: 'a', rev: 2 })
  })

  it('overwrites only when that was agreed to', async () => {
    const out = join(folder.path, 'out')
    await mkdir(out)
    await writeFile(join(out, 'mine.txt'), 'x')
    expect(await umbra(['export', out])).toMatchObject({ exitCode: 2 })
    expect(await umbra(['export', out, '--yes'])).toMatchObject({ exitCode: 0 })
    expect(await readFile(join(out, 'mine.txt'), 'utf8')).toBe('x')
  })
})

/** The objects of a bucket, as anybody may have put them there. */
async function openBucket({
  settings,
}: LocalR2): Promise<{ objects: ObjectStore; close: () => Promise<void> }> {
  const opened: ObjectStore[] = []
  const decorate = (objects: ObjectStore) => {
    opened.push(objects)
    return objects
  }
  const backend = await createR2Backend(settings, { decorate })
  const [objects] = opened
  if (objects === undefined) throw new Error('the bucket was not opened')
  return { objects, close: () => backend.close() }
}
