import { blobEtag, manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHybrid } from '../hybrid/hybrid.fixture.ts'
import { betweenHalves } from '../hybrid/migration-notes.ts'
import { openThreeWays } from '../hybrid/three-ways.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { MigrationOptions } from './migration-options.ts'
import { runMigration } from './run-migration.ts'

interface Halves {
  readonly hybrid: StorageManager
  readonly r2: StorageBackend
  readonly sqlite: StorageBackend
  close(): Promise<void>
}

async function openFake(): Promise<Halves> {
  const ways = await openThreeWays()
  const sqlite = await ways.sqlite()
  const close = async () => {
    await sqlite.close()
    await ways.close()
  }
  return { hybrid: await ways.openHybrid(), r2: ways.store.client(), sqlite, close }
}

async function openReal(): Promise<Halves> {
  const [server, folder] = [await startLocalR2(), await createStorageFolder()]
  const { hybrid, primary, secondary } = await openHybrid(server, folder.sqlitePath)
  const close = async () => {
    await hybrid.close()
    await server.close()
    await folder.remove()
  }
  return { hybrid, r2: primary, sqlite: secondary, close }
}

describe.each([
  ['a fake R2', openFake],
  ['a real one', openReal],
])('between the halves of a hybrid on %s', (_, open) => {
  let halves: Halves
  let hybrid: StorageManager
  let onR2: StorageManager
  let alone: StorageManager
  beforeEach(async () => {
    halves = await open()
    ;({ hybrid } = halves)
    onR2 = manageBackend(halves.r2)
    alone = manageBackend(halves.sqlite)
  })
  afterEach(() => halves.close())

  const toR2 = (options?: MigrationOptions, target = halves.r2) =>
    runMigration(halves.sqlite, target, { ...betweenHalves(halves.sqlite, 'source'), ...options })
  const toSqlite = (options?: MigrationOptions) =>
    runMigration(halves.r2, halves.sqlite, { ...betweenHalves(halves.sqlite, 'target'), ...options })
  const read = async (storage: StorageManager) => (await storage.getBlob('k'))?.value

  /** R2, which does something before it says what it has. */
  function before(happen: () => Promise<unknown>): StorageBackend {
    const { blobs, ...r2 } = plainBackend(halves.r2)
    const afterwards =
      <T>(ask: (path: string) => Promise<T>) =>
      async (path: string) => {
        await happen()
        return ask(path)
      }
    return {
      ...r2,
      blobs: {
        ...blobs,
        get: afterwards((path) => blobs.get(path)),
        newest: afterwards(async (path) => blobs.newest?.(path)),
      },
    }
  }

  describe.each([
    ['through hybrid', () => hybrid.putBlob('k', 1)],
    [
      'by a migration',
      async () => {
        await alone.putBlob('k', 1)
        await toR2()
      },
    ],
  ])('a blob that both got %s, and R2 alone has deleted', (__, store) => {
    beforeEach(async () => {
      await store()
      expect(await onR2.deleteBlob('k')).toBe(true)
    })

    it('is not brought back', async () => {
      for (const options of [{ dryRun: true }, {}])
        expect((await toR2(options)).blobs).toMatchObject({ copied: 0, deletedInTarget: 1 })
      expect(await read(onR2)).toBeUndefined()
    })

    it('is copied when SQLite alone has written it since', async () => {
      await alone.putBlob('k', 2)
      expect((await toR2()).blobs).toMatchObject({ copied: 1, deletedInTarget: 0 })
      expect(await read(onR2)).toBe(2)
    })

    it('is copied when SQLite alone writes it while it is looked at', async () => {
      let isFirst = true
      const target = before(async () => {
        if (isFirst) await alone.putBlob('k', 2)
        isFirst = false
      })
      expect((await toR2({}, target)).blobs).toMatchObject({ copied: 1, deletedInTarget: 0 })
      expect(await read(onR2)).toBe(2)
    })

    it('is left in SQLite, as R2 may have been emptied', async () => {
      expect((await toSqlite()).blobs).toMatchObject({ deleted: 0, onlyInTarget: 1 })
      expect(await read(alone)).toBe(1)
    })

    it('is noticed when R2 has it again', async () => {
      const target = before(() => onR2.putBlob('k', 1))
      expect(await toR2({}, target)).toMatchObject({
        settled: true,
        blobs: { alreadyThere: 1, deletedInTarget: 0 },
      })
    })
  })

  it('a blob that both had is copied to an R2 that was emptied', async () => {
    await hybrid.putBlob('k', 1)
    const emptied = await open()
    expect((await toR2({}, emptied.r2)).blobs).toMatchObject({ copied: 1, deletedInTarget: 0 })
    expect(await read(manageBackend(emptied.r2))).toBe(1)
    await emptied.close()
  })

  it('a blob that SQLite alone has deleted stays in R2, and SQLite gets it again', async () => {
    await hybrid.putBlob('k', 1)
    await alone.deleteBlob('k')
    expect((await toR2()).blobs).toMatchObject({ deleted: 0, onlyInTarget: 1 })
    expect((await toSqlite()).blobs).toMatchObject({ copied: 1 })
    expect([await read(alone), await read(onR2)]).toEqual([1, 1])
  })

  it('a blob of SQLite alone is left there', async () => {
    await alone.putBlob('k', 1)
    expect((await toSqlite()).blobs).toMatchObject({ deleted: 0, onlyInTarget: 1 })
    expect(await read(alone)).toBe(1)
  })

  it('a blob of SQLite alone is not brought back that R2 gets, and deletes, before it is copied', async () => {
    await alone.putBlob('k', 1)
    const target = before(async () => {
      const ifMatch = blobEtag(new Uint8Array())
      await expect(hybrid.putBlob('k', 2, { ifMatch })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
      await onR2.deleteBlob('k')
    })
    expect((await toR2({}, target)).blobs).toMatchObject({ copied: 0, deletedInTarget: 1 })
    expect(await read(onR2)).toBeUndefined()
  })
})
