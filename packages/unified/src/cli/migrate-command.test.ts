import type { Environment } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { contentsOf, NAMESPACE, put, remove } from '../migration/migration.fixture.ts'
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
})
