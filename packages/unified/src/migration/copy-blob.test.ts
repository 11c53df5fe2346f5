import { blobKey, manageBackend, UmbraError } from '@umbra/core'
import type { BlobStore, StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGate } from '../hybrid/away.fixture.ts'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { runMigration } from './run-migration.ts'

let server: LocalR2
let r2: StorageBackend
let sqlite: StorageBackend
/** The application, in another process on the same file. */
let hybrid: StorageBackend
let storage: StorageManager
/** The bucket is the same for all tests. */
let key: string
let path: string
let tests = 0

beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(() => server.close())
beforeEach(async () => {
  const folder = await createStorageFolder()
  const settings = { path: folder.sqlitePath, durability: 'relaxed' } as const
  r2 = await createR2Backend(server.settings)
  sqlite = await createSqliteBackend(settings)
  hybrid = createHybridBackend({
    primary: await createR2Backend(server.settings),
    secondary: await createSqliteBackend(settings),
  })
  storage = manageBackend(hybrid)
  key = `k${++tests}`
  path = blobKey(key)
  return async () => {
    await manageBackend(r2).deleteBlob(key)
    await Promise.all([storage.close(), r2.close(), sqlite.close()])
    await folder.remove()
  }
})

/** Something happens once the n-th read of the blob has its answer, and before the reader gets it. */
function onRead(backend: StorageBackend, n: number, happen: () => Promise<unknown>): StorageBackend {
  let reads = 0
  const get: BlobStore['get'] = async (about) => {
    const found = await backend.blobs.get(about)
    if (about === path && ++reads === n) await happen()
    return found
  }
  return { ...backend, blobs: { ...backend.blobs, get } }
}

const valueIn = async (backend: StorageBackend) => (await manageBackend(backend).getBlob(key))?.value

async function expectDeleted(): Promise<void> {
  expect(await storage.getBlob(key)).toBeNull()
  expect(await r2.blobs.get(path)).toBeUndefined()
  expect(await sqlite.blobs.get(path)).toBeUndefined()
}

const directions = [
  { way: 'from sqlite to r2', sides: () => ({ source: sqlite, target: r2 }) },
  { way: 'from r2 to sqlite', sides: () => ({ source: r2, target: sqlite }) },
]

describe.each(directions)('a blob that is copied $way', ({ sides }) => {
  it('is there once, and noted, and nothing is left to do', async () => {
    const { source, target } = sides()
    const { etag } = await manageBackend(source).putBlob(key, 1)
    const equal: string[] = []
    const onEqualBlob = async (blob: { path: string; etag: string }) =>
      void equal.push(`${blob.path} ${blob.etag}`)
    const report = await runMigration(source, target, { onEqualBlob })
    expect(report).toMatchObject({ settled: true, passes: 2, blobs: { copied: 1 }, findings: [] })
    expect(await valueIn(target)).toBe(1)
    expect(new Set(equal)).toEqual(new Set([`${path} ${etag}`]))
    expect(await runMigration(source, target)).toMatchObject({ blobs: { copied: 0, alreadyThere: 1 } })
  })

  it('is copied again where it was deleted before it was stored anew', async () => {
    const { source, target } = sides()
    await manageBackend(target).putBlob(key, 1)
    await manageBackend(target).deleteBlob(key)
    await manageBackend(source).putBlob(key, 1)
    expect(await runMigration(source, target)).toMatchObject({ settled: true, blobs: { copied: 1 } })
    expect(await valueIn(target)).toBe(1)
  })

  it('is copied as it is now when it was written meanwhile', async () => {
    const { source, target } = sides()
    await manageBackend(source).putBlob(key, 1)
    const writing = onRead(source, 1, () => manageBackend(source).putBlob(key, 2))
    const report = await runMigration(writing, target)
    expect(report).toMatchObject({ settled: true, blobs: { copied: 1 }, findings: [] })
    expect(await valueIn(target)).toBe(2)
  })

  it('stays deleted when hybrid deletes it meanwhile', async () => {
    const { source, target } = sides()
    await manageBackend(source).putBlob(key, 1)
    let existed: boolean | undefined
    const deleting = onRead(source, 1, async () => {
      existed = await storage.deleteBlob(key)
    })
    expect(await runMigration(deleting, target)).toMatchObject({ settled: true, blobs: { copied: 0 } })
    expect(existed).toBe(true)
    await expectDeleted()
  })

  it('stays deleted when an outbox sends its deletion meanwhile', async () => {
    const { source, target } = sides()
    await manageBackend(source).putBlob(key, 1)
    const named = { opId: `delete-${key}`, since: await hybrid.blobs.newest?.(path) }
    const deleting = onRead(source, 1, () => hybrid.blobs.delete(path, undefined, named))
    expect(await runMigration(deleting, target)).toMatchObject({ settled: true, blobs: { copied: 0 } })
    await expectDeleted()
  })
})

describe('a blob that is copied from sqlite to r2', () => {
  beforeEach(async () => {
    await manageBackend(sqlite).putBlob(key, 1)
  })

  it('stays in r2 when a process on sqlite alone deletes it meanwhile, as it does after that', async () => {
    const deleting = onRead(sqlite, 1, () => manageBackend(sqlite).deleteBlob(key))
    const report = await runMigration(deleting, r2)
    expect(report).toMatchObject({ settled: true, blobs: { copied: 1, onlyInTarget: 1 } })
    expect(await valueIn(hybrid)).toBe(1)
  })

  it('is never missing from r2 again, whoever reads it in between', async () => {
    const writing = onRead(sqlite, 1, () => manageBackend(sqlite).putBlob(key, 2))
    const reading = onRead(writing, 2, () => valueIn(hybrid))
    expect(await runMigration(reading, r2, betweenHalves(sqlite, 'source'))).toMatchObject({ settled: true })
    expect(await valueIn(hybrid)).toBe(2)
  })

  it('stays in r2 when sqlite does not say whether it is still there', async () => {
    const failing = onRead(sqlite, 2, async () => {
      await valueIn(hybrid)
      throw new Error('busy')
    })
    await expect(runMigration(failing, r2, betweenHalves(sqlite, 'source'))).rejects.toThrow('busy')
    expect(await runMigration(sqlite, r2, betweenHalves(sqlite, 'source'))).toMatchObject({ settled: true })
    expect(await valueIn(hybrid)).toBe(1)
  })

  it('is looked at again by the next pass when the answer to its copy is lost', async () => {
    let isFirst = true
    const put: BlobStore['put'] = async (...about) => {
      const info = await r2.blobs.put(...about)
      if (!isFirst) return info
      isFirst = false
      throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
    }
    const losing = { ...r2, blobs: { ...r2.blobs, put } }
    const report = await runMigration(sqlite, losing, betweenHalves(sqlite, 'source'))
    expect(report).toMatchObject({ settled: true, blobs: { alreadyThere: 1 } })
    expect(await valueIn(hybrid)).toBe(1)
  })
})

it('a blob that an outbox deletes is not copied from sqlite between its two deletions', async () => {
  await manageBackend(sqlite).putBlob(key, 1)
  const gate = createGate()
  const waiting = onRead(sqlite, 1, () => gate.pass())
  let migrating: Promise<unknown> | undefined
  const { blobs, ...primary } = await createR2Backend(server.settings)
  const between: BlobStore = {
    ...blobs,
    async delete(...about) {
      const existed = await blobs.delete(...about)
      migrating = runMigration(waiting, r2, betweenHalves(sqlite, 'source'))
      await Promise.race([gate.reached, migrating])
      return existed
    },
  }
  const sender = createHybridBackend({ primary: { ...primary, blobs: between }, secondary: sqlite })
  const named = { opId: `delete-${key}`, since: await between.newest?.(path) }
  expect(await sender.blobs.delete(path, undefined, named)).toBe(true)
  gate.open()
  await migrating
  await expectDeleted()
  await primary.close()
})

it('a blob of sqlite alone is deleted by an outbox also when r2 has forgotten whether it did', async () => {
  const onR2 = manageBackend(r2)
  for (let version = 0; version < 20; version++) await onR2.putBlob(key, version)
  await onR2.deleteBlob(key)
  await manageBackend(sqlite).putBlob(key, 1)
  await hybrid.blobs.delete(path, undefined, { opId: `delete-${key}`, since: 'long ago' })
  await expectDeleted()
})

describe('a blob that is copied from r2 to sqlite', () => {
  beforeEach(async () => {
    await manageBackend(r2).putBlob(key, 1)
  })

  it('is not taken away when another one is stored after its deletion', async () => {
    const deleting = onRead(r2, 1, () => manageBackend(r2).deleteBlob(key))
    const replacing = onRead(deleting, 2, () => manageBackend(sqlite).putBlob(key, 2))
    expect(await runMigration(replacing, sqlite)).toMatchObject({ settled: true, blobs: { copied: 0 } })
    expect(await valueIn(sqlite)).toBe(2)
  })

  it('is taken away when r2 does not say whether it is still there, and copied by the next run', async () => {
    const failing = onRead(r2, 2, () => Promise.reject(new Error('no answer')))
    await expect(runMigration(failing, sqlite)).rejects.toThrow('no answer')
    expect(await sqlite.blobs.get(path)).toBeUndefined()
    expect(await runMigration(r2, sqlite)).toMatchObject({ settled: true, blobs: { copied: 1 } })
  })
})
