import { readdir } from 'node:fs/promises'
import { parseSettings } from '@umbra/core'
import type { Environment } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createR2Backend, createR2StorageManager } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { contentsOf, put, remove } from '../migration/migration.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

describe('umbra migrate', () => {
  let server: LocalR2
  let folder: StorageFolder
  let env: Environment
  beforeAll(async () => {
    server = await startLocalR2()
  })
  afterAll(() => server.close())

  beforeEach(async () => {
    folder = await createStorageFolder()
    env = { ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath }
    return () => folder.remove()
  })

  const open = async () => ({
    sqlite: await createSqliteBackend({ path: folder.sqlitePath }),
    r2: await createR2Backend(server.settings),
  })

  it('copies to r2, verifies, and does nothing the second time', async () => {
    const { sqlite, r2 } = await open()
    await put(sqlite, { id: 'a', value: 1 })
    await put(sqlite, { id: 'b', value: 'x' }, { rev: 4 })
    await sqlite.blobs.put('json_blobs/a.json', new TextEncoder().encode('1'), undefined)
    const first = await runUmbra(['migrate', '--from', 'sqlite', '--to', 'r2', '--verify', '--json'], { env })
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(first.stdout)).toMatchObject({
      total: { copied: 3 },
      verification: { equal: true },
      operations: { classA: expect.any(Number) },
    })
    expect(await contentsOf(r2)).toEqual(await contentsOf(sqlite))
    const again = await runUmbra(['migrate', '--from', 'sqlite', '--to', 'r2', '--verify'], { env })
    expect(again).toMatchObject({ exitCode: 0 })
    expect(again.stdout).toMatch(/^finance +user123 +0 +0 B +0 +2 /m)
    expect(again.stdout).toContain('Both sides hold the same.')
    await Promise.all([sqlite.close(), r2.close()])
  })

  it('writes nothing in a dry run: no object, no database', async () => {
    const { sqlite } = await open()
    await put(sqlite, { id: 'dry', value: 1 }, { namespace: DRY })
    await sqlite.close()
    const before = await listAll(server)
    const run = await runUmbra(
      ['migrate', '--from', 'sqlite', '--to', 'r2', '--dry-run', '--module', 'dry'],
      { env },
    )
    expect(run).toMatchObject({ exitCode: 0 })
    expect(run.stdout).toContain('Dry run: nothing was written.')
    expect(run.stdout).toContain('1 would be copied')
    expect(await listAll(server)).toEqual(before)
    const elsewhere = { ...env, SQLITE_PATH: `${folder.path}/none/umbra.sqlite` }
    const back = await runUmbra(['migrate', '--from', 'r2', '--to', 'sqlite', '--dry-run'], {
      env: elsewhere,
    })
    expect(back).toMatchObject({ exitCode: 0 })
    expect(await readdir(folder.path)).not.toContain('none')
  })

  it('lists conflicts and ends with 3', async () => {
    const { sqlite, r2 } = await open()
    const namespace = { module: 'conflict', userId: 'u' }
    await put(sqlite, { id: 'a', value: 'ours' }, { namespace })
    await put(r2, { id: 'a', value: 'theirs' }, { namespace })
    const run = await runUmbra(['migrate', '--from', 'sqlite', '--to', 'r2', '--module', 'conflict'], { env })
    expect(run).toMatchObject({ exitCode: 3 })
    expect(run.stdout).toContain('conflict  conflict/u/a  revision 1 is in both, with different content')
    await Promise.all([sqlite.close(), r2.close()])
  })

  it('ends with 3 when the target holds other data and is verified', async () => {
    const { sqlite, r2 } = await open()
    await put(r2, { id: 'theirs', value: 1 }, { namespace: { module: 'extra', userId: 'u' } })
    const words = ['migrate', '--from', 'sqlite', '--to', 'r2', '--module', 'extra', '--verify']
    const run = await runUmbra(words, { env })
    expect(run).toMatchObject({ exitCode: 3 })
    expect(run.stdout).toContain('The sides differ.')
    await Promise.all([sqlite.close(), r2.close()])
  })

  describe('that would delete records of the target', () => {
    const words = ['migrate', '--from', 'sqlite', '--to', 'r2', '--module', 'deleted']
    const namespace = { module: 'deleted', userId: 'u' }

    it('asks, and does it only when that was agreed to', async () => {
      const { sqlite, r2 } = await open()
      await put(sqlite, { id: 'a', value: 1 }, { namespace })
      await runUmbra(words, { env })
      await remove(sqlite, 'a', namespace)
      const piped = await runUmbra(words, { env })
      expect(piped).toMatchObject({ exitCode: 2, stdout: '' })
      expect(piped.stderr).toContain('give --yes to agree')
      const refused = await runUmbra(words, { env, answer: 'n' })
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).toContain('Delete 1 records from r2')
      expect(await contentsOf(r2, namespace)).toHaveLength(1)
      const agreed = await runUmbra(words, { env, answer: 'y' })
      expect(agreed.exitCode).toBe(0)
      expect(await contentsOf(r2, namespace)).toEqual([])
      await Promise.all([sqlite.close(), r2.close()])
    })
  })

  it('leaves notes for hybrid, so that it knows what r2 has had', async () => {
    const { sqlite, r2 } = await open()
    const namespace = { module: 'hybrid', userId: 'u' }
    await put(sqlite, { id: 'a', value: 1 }, { namespace })
    const hybrid = { ...env, STORAGE_BACKEND: 'hybrid' }
    await runUmbra(['migrate', '--from', 'sqlite', '--to', 'r2', '--module', 'hybrid'], { env: hybrid })
    await remove(r2, 'a', namespace)
    await Promise.all([sqlite.close(), r2.close()])
    const storage = await createStorageManager(parseSettings(hybrid))
    expect(await storage.retrieveData('hybrid', 'u', 'a')).toBeNull()
    await storage.close()
  })

  it.each([
    ['the same store twice', ['--from', 'r2', '--to', 'r2'], 2],
    ['a store there is not', ['--from', 'mysql', '--to', 'r2'], 2],
    ['no target', ['--from', 'sqlite'], 2],
    ['a concurrency of 0', ['--from', 'sqlite', '--to', 'r2', '--concurrency', '0'], 2],
    ['a time that is none', ['--from', 'sqlite', '--to', 'r2', '--since', 'yesterday'], 2],
    ['a database that is not there', ['--from', 'sqlite', '--to', 'r2'], 2],
  ])('refuses %s', async (_name, words, exitCode) => {
    const run = await runUmbra(['migrate', ...words], { env })
    expect(run).toMatchObject({ exitCode, stdout: '' })
    expect(run.stderr).not.toBe('')
  })

  it('ends with 4 when r2 does not answer', async () => {
    await (await open()).sqlite.close()
    const away = { ...env, R2_ENDPOINT: 'http://127.0.0.1:9' }
    const run = await runUmbra(['migrate', '--from', 'sqlite', '--to', 'r2'], { env: away })
    expect(run).toMatchObject({ exitCode: 4, stdout: '' })
    expect(run.stderr).toMatch(/^umbra: UNAVAILABLE: /)
  })
})

const DRY = { module: 'dry', userId: 'u' }

async function listAll({ settings }: LocalR2): Promise<string[]> {
  const bucket = await createR2StorageManager({ ...settings, singleWriter: true })
  const found: string[] = []
  for await (const { key, etag } of bucket.listObjects('')) found.push(`${key} ${etag}`)
  await bucket.close()
  return found
}
