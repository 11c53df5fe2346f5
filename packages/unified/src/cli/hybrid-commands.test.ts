import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { manageBackend, parseSettings } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { isNotedBucket } from '../hybrid/hybrid-bucket.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

const INTO = ['--module', 'imported', '--user', 'u']
const AT = { module: 'imported', userId: 'u' }

let folder: StorageFolder
let r2: StoppableR2
let env: Environment
let files: string

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
  files = join(folder.path, 'in')
  await mkdir(files)
  env = {
    ...toEnvironment(r2.server),
    STORAGE_BACKEND: 'hybrid',
    SQLITE_PATH: folder.sqlitePath,
    UMBRA_CACHE_DIR: join(folder.path, 'cache'),
  }
})
afterEach(async () => {
  await r2.stop()
  await folder.remove()
})

const umbra = async (...words: readonly string[]) => {
  const { exitCode, stdout } = await runUmbra([...words, '--json'], { env })
  return { exitCode, document: stdout === '' ? undefined : JSON.parse(stdout) }
}

async function inSqlite<T>(use: (storage: StorageManager) => Promise<T>): Promise<T> {
  const storage = manageBackend(await createSqliteBackend({ path: folder.sqlitePath }))
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

async function inR2(use: (storage: StorageManager) => Promise<unknown>): Promise<void> {
  const storage = manageBackend(await createR2Backend(r2.server.settings))
  try {
    await use(storage)
  } finally {
    await storage.close()
  }
}

describe('umbra import into a hybrid', () => {
  it('writes to both, and does nothing the second time', async () => {
    await writeFile(join(files, 'a.json'), '1')
    await writeFile(join(files, 'b.jsonl'), '2\n3\n')
    expect(await umbra('import', files, ...INTO)).toMatchObject({ exitCode: 0 })
    expect(await umbra('compare')).toMatchObject({ exitCode: 0, document: { total: { equal: 2 } } })
    expect(await umbra('import', files, ...INTO)).toMatchObject({ exitCode: 0, document: { unchanged: 2 } })
  })

  it('notes whose half the file is from now on', async () => {
    await writeFile(join(files, 'a.json'), '1')
    await umbra('import', files, ...INTO)
    const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
    expect(await isNotedBucket(sqlite, r2.server.settings)).toBe(true)
    await sqlite.close()
  })

  it('makes the copies that an import which was ended did not make', async () => {
    await writeFile(join(files, 'a.json'), '1')
    await runUmbra(['import', files, ...INTO], { env: { ...env, STORAGE_BACKEND: 'r2' } })
    expect(await umbra('compare')).toMatchObject({ exitCode: 2 })
    expect(await umbra('import', files, ...INTO)).toMatchObject({ exitCode: 0 })
    expect(await umbra('compare')).toMatchObject({ exitCode: 0, document: { total: { equal: 1 } } })
  })

  it('leaves alone what is only in SQLite, and says whose id is taken', async () => {
    await writeFile(join(files, 'taken.json'), '"imported"')
    await writeFile(join(files, 'same.json'), '"same"')
    await writeFile(join(files, 'free.json'), '"free"')
    const before = await inSqlite(async (storage) => {
      const metadata = { source: 'same.json' }
      await storage.storeData({ ...AT, id: 'same.json', data: 'other', metadata })
      return storage.storeData({ ...AT, id: 'taken.json', data: 'mine' })
    })
    const run = await umbra('import', files, ...INTO)
    expect(run).toMatchObject({
      exitCode: 3,
      document: { rejected: 2, migration: { total: { copied: 1 } } },
    })
    expect(run.document.rejections).toMatchObject([
      { origin: 'same.json', reason: expect.stringContaining('only in sqlite') },
      { origin: 'taken.json', reason: expect.stringContaining('only in sqlite'), raw: '"imported"' },
    ])
    expect(await umbra('get', 'imported', 'u', 'taken.json')).toMatchObject({
      document: { data: 'mine', etag: before.etag },
    })
  })

  it('takes what was imported into SQLite alone for what it is', async () => {
    await writeFile(join(files, 'a.json'), '1')
    await writeFile(join(files, 'rows.csv'), 'k,v\nx,1\n')
    const rows = ['import', files, ...INTO, '--rows', '--id-column', 'k']
    await runUmbra(rows, { env: { ...env, STORAGE_BACKEND: 'sqlite' } })
    expect(await umbra(...rows)).toMatchObject({
      exitCode: 0,
      document: { unchanged: 1, migration: { total: { copied: 1 } } },
    })
    expect(await umbra('compare')).toMatchObject({ document: { total: { equal: 1, onlyInTarget: 1 } } })
  })

  it('stays behind writes that were acknowledged before it', async () => {
    await writeFile(join(files, 'a.json'), '"imported"')
    const storage = await createStorageManager(parseSettings(env))
    await r2.stop()
    expect(await storage.storeData({ ...AT, id: 'a.json', data: 'acknowledged' })).toMatchObject({
      pending: true,
    })
    await storage.close()
    await r2.start()
    expect(await umbra('import', files, ...INTO)).toMatchObject({
      exitCode: 3,
      document: { migration: { total: { copied: 0, conflicts: 1 } } },
    })
    expect(await umbra('conflicts')).toMatchObject({ exitCode: 0 })
    expect(await umbra('get', 'imported', 'u', 'a.json')).toMatchObject({
      document: { data: 'acknowledged' },
    })
  })
})

describe('umbra export of a hybrid', () => {
  it('has what is only in SQLite, and nothing of what was deleted', async () => {
    await inSqlite(async (storage) => {
      await storage.storeData({ ...AT, id: 'only', data: 'sqlite' })
      await storage.storeData({ module: 'another', userId: 'u', id: 'only', data: 'sqlite' })
      await storage.putBlob('only', 1)
    })
    await writeFile(join(files, 'a.json'), '"both"')
    await umbra('import', files, ...INTO)
    await writeFile(join(files, 'a.json'), '"gone"')
    await umbra('put', 'imported', 'u', join(files, 'a.json'), '--id', 'gone')
    await inR2((storage) => storage.deleteData('imported', 'u', 'gone'))
    await inR2((storage) => storage.putBlob('r2', 2))
    const out = join(folder.path, 'out')
    expect(await umbra('export', out)).toMatchObject({ exitCode: 0, document: { records: 3, blobs: 2 } })
    expect((await readdir(out, { recursive: true })).filter((name) => name.endsWith('.json')).sort()).toEqual(
      [
        'another/u/only.json',
        'imported/u/a.json.json',
        'imported/u/only.json',
        'json_blobs/only.json',
        'json_blobs/r2.json',
      ],
    )
  })
})

it.each([
  ['hybrid', 'export', 'out'],
  ['sqlite', 'export', 'out'],
  ['hybrid', 'compare'],
  ['hybrid', 'migrate', '--from', 'r2', '--to', 'sqlite', '--verify'],
])('on %s umbra %s says that pending writes are no part of it', async (backend, ...words) => {
  const storage = await createStorageManager(parseSettings(env))
  await r2.stop()
  await storage.storeData({ ...AT, data: 1 })
  await storage.close()
  await r2.start()
  const out = words.map((word) => (word === 'out' ? join(folder.path, 'out') : word))
  expect(await runUmbra(out, { env: { ...env, STORAGE_BACKEND: backend } })).toMatchObject({
    exitCode: 0,
    stderr: 'pending writes are no part of this: 1 in the outbox; umbra sync sends them\n',
  })
})

describe('umbra migrate of a hybrid', () => {
  it('notes what R2 has, so that nothing comes back that R2 alone deletes later', async () => {
    await inSqlite(async (storage) => {
      await storage.storeData({ ...AT, id: 'gone', data: 1 })
      await storage.putBlob('gone', 1)
    })
    expect(await umbra('migrate', '--from', 'sqlite', '--to', 'r2')).toMatchObject({ exitCode: 0 })
    await inR2(async (storage) => {
      await storage.deleteData('imported', 'u', 'gone')
      await storage.deleteBlob('gone')
    })
    const storage = await createStorageManager(parseSettings(env))
    expect(await storage.retrieveData('imported', 'u', 'gone')).toBeNull()
    expect(await storage.getBlob('gone')).toBeNull()
    await storage.close()
  })

  it('knows the halves on the way back as well, so that SQLite alone goes on from what R2 had', async () => {
    const append = (word: string) => ({
      ...AT,
      recordId: 'a',
      data: (current: unknown) => [...(current as string[]), word],
    })
    const open = () => createStorageManager(parseSettings(env))
    const before = await open()
    await before.storeData({ ...AT, id: 'a', data: ['both'] })
    await before.close()
    await inR2((storage) => storage.updateData(append('r2')))
    const back = ['migrate', '--from', 'r2', '--to', 'sqlite', '--yes']
    expect(await runUmbra(back, { env: { ...env, STORAGE_BACKEND: 'r2' } })).toMatchObject({ exitCode: 0 })
    await inSqlite((storage) => storage.updateData(append('sqlite')))
    const again = await open()
    await again.updateData(append('both again'))
    expect(await again.retrieveData('imported', 'u', 'a')).toMatchObject({
      data: ['both', 'r2', 'sqlite', 'both again'],
    })
    await again.close()
  })

  it('takes another bucket for another one, in which the higher revision wins', async () => {
    const storage = await createStorageManager(parseSettings(env))
    await storage.storeData({ ...AT, id: 'a', data: 1 })
    await storage.close()
    await inSqlite((alone) => alone.updateData({ ...AT, recordId: 'a', data: 2 }))
    await inR2((other) => other.updateData({ ...AT, recordId: 'a', data: 3 }))
    await inR2((other) => other.updateData({ ...AT, recordId: 'a', data: 4 }))
    const migrate = (more: Environment) =>
      runUmbra(['migrate', '--from', 'r2', '--to', 'sqlite', '--yes'], { env: { ...env, ...more } })
    expect(await migrate({ STORAGE_BACKEND: 'r2' })).toMatchObject({ exitCode: 3 })
    // The same server under another name.
    const elsewhere = {
      STORAGE_BACKEND: 'r2',
      R2_ENDPOINT: env['R2_ENDPOINT']?.replace('127.0.0.1', 'localhost'),
    }
    expect(await migrate(elsewhere)).toMatchObject({ exitCode: 0 })
    expect(await inSqlite((alone) => alone.retrieveData('imported', 'u', 'a'))).toMatchObject({ data: 4 })
  })
})
