import { parseSettings } from '@umbra/core'
import type { Environment } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { put, remove } from '../migration/migration.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

describe('umbra compare', () => {
  let server: LocalR2
  let folder: StorageFolder
  let env: Environment
  beforeAll(async () => {
    server = await startLocalR2()
    folder = await createStorageFolder()
    env = { ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath }
    const hybrid = await createStorageManager(parseSettings({ ...env, STORAGE_BACKEND: 'hybrid' }))
    for (const id of ['a', 'b', 'c']) await hybrid.storeData({ module: 'm', userId: 'u', id, data: 1 })
    await hybrid.updateData({ module: 'm', userId: 'u', recordId: 'a', data: 2 })
    await hybrid.deleteData('m', 'u', 'c')
    await hybrid.putBlob('settings', { a: 1 })
    await hybrid.close()
  })
  afterAll(async () => {
    await server.close()
    await folder.remove()
  })

  it('proves that a hybrid left both sides equal', async () => {
    const run = await runUmbra(['compare'], { env })
    expect(run).toMatchObject({ exitCode: 0, stderr: '' })
    expect(run.stdout).toMatch(/^m +u +2 +0 +0 +0 +0 +0$/m)
    expect(run.stdout).toMatch(/^\(blobs\) +1 +0 /m)
    expect(run.stdout).toContain('Both sides hold the same.')
  })

  it('lists and counts what differs, and ends with 3', async () => {
    const namespace = { module: 'differs', userId: 'u' }
    const r2 = await createR2Backend(server.settings)
    const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
    for (const side of [r2, sqlite]) {
      await put(side, { id: 'deleted', value: 1 }, { namespace })
      await put(side, { id: 'same', value: 1 }, { namespace })
    }
    await put(sqlite, { id: 'mine', value: 1 }, { namespace })
    await remove(r2, 'deleted', namespace)
    await Promise.all([r2.close(), sqlite.close()])
    const words = ['compare', '--module', 'differs', '--user', 'u']
    const text = await runUmbra(words, { env })
    expect(text.exitCode).toBe(3)
    expect(text.stdout).toMatch(/^differs +u +1 +0 +0 +1 +1 +0$/m)
    expect(text.stdout).toMatch(/^only in sqlite {2}differs\/u\/mine {2}r2=- sqlite=1-/m)
    expect(text.stdout).toContain('The sides differ.')
    const json = await runUmbra([...words, '--json'], { env })
    expect(json.exitCode).toBe(3)
    const document: unknown = JSON.parse(json.stdout)
    expect(document).toMatchObject({
      source: 'r2',
      target: 'sqlite',
      equal: false,
      total: { equal: 1, onlyInTarget: 1, deletedInSource: 1 },
      differences: expect.arrayContaining([
        expect.objectContaining({ kind: 'deletedInSource', id: 'deleted', source: null }),
      ]),
    })
  })

  it.each<[string, (env: Environment) => Environment, number]>([
    ['r2 is not configured', ({ SQLITE_PATH }) => ({ SQLITE_PATH }), 2],
    ['there is no database', (right) => ({ ...right, SQLITE_PATH: `${right['SQLITE_PATH']}-2` }), 2],
    ['r2 does not answer', (right) => ({ ...right, R2_ENDPOINT: 'http://127.0.0.1:9' }), 4],
  ])('says so when %s', async (_what, change, exitCode) => {
    const run = await runUmbra(['compare'], { env: change(env) })
    expect(run).toMatchObject({ exitCode, stdout: '' })
    expect(run.stderr).not.toBe('')
  })
})
