import { createMemoryBackend, manageBackend, recordEtag } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import {
  AT,
  away,
  createGate,
  deleteOnSqliteAlone,
  losable,
  openSqlite,
  readWhileAway,
} from './away.fixture.ts'
import { copyCommitted } from './copy-committed.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { notedDeletions } from './migration-notes.ts'
import { basesOf } from './primary-note.ts'

let folder: StorageFolder
beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

const sqlite = () => openSqlite(folder.sqlitePath)

const open = (primary: StorageBackend, secondary: StorageBackend) =>
  manageBackend(createHybridBackend({ primary, secondary }))

/** Neither an outage nor a migration shows the record that was deleted. */
async function expectGone(primary: StorageBackend): Promise<void> {
  expect(await readWhileAway(folder.sqlitePath)).toBeUndefined()
  const source = await sqlite()
  await runMigration(source, primary, notedDeletions(source, 'source'))
  expect(await primary.getEntry(AT, 'a')).toBeUndefined()
  await source.close()
}

describe('a copy that SQLite raises, while another process deletes the record and R2 goes away', () => {
  it('is found by a deletion that is noted only after the copy looked for one', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const gate = createGate()
    let asked = 0
    const slowToAnswer: StorageBackend = {
      ...primary,
      async getEntry(...about) {
        const found = await primary.getEntry(...about)
        if (++asked === 2) await gate.pass()
        return found
      },
    }
    const other = open(slowToAnswer, await sqlite())
    const secondary = plainBackend(await sqlite())
    const { backend, lose } = losable(primary)
    let deletion: Promise<boolean> | undefined
    let isCopied = false
    let isDeleted = false
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        deletion ??= other.deleteData('m', 'u', 'a')
        await gate.reached
        const stored = await secondary.commit(...about)
        isCopied = true
        return stored
      },
      blobs: {
        ...secondary.blobs,
        async get(path) {
          const found = await secondary.blobs.get(path)
          // The first look at the notes after the copy was made: the deletion is noted right after it, and done.
          if (isCopied && !isDeleted) {
            isDeleted = true
            gate.open()
            expect(await deletion).toBe(true)
            lose()
          }
          return found
        },
      },
    }
    await open(backend, slow).storeData({ ...AT, id: 'a', data: 2 })
    await expectGone(primary)
  })

  it('stays noted as deleted when R2 still had the record at the moment it was asked', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const gate = createGate()
    const slowToDelete: StorageBackend = {
      ...primary,
      async commit(...about) {
        await gate.pass()
        return primary.commit(...about)
      },
    }
    const other = open(slowToDelete, await sqlite())
    const secondary = plainBackend(await sqlite())
    const { backend, lose } = losable(primary)
    let deletion: Promise<boolean> | undefined
    let isCopied = false
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        deletion ??= other.deleteData('m', 'u', 'a')
        await gate.reached
        const stored = await secondary.commit(...about)
        isCopied = true
        return stored
      },
    }
    const deletedMeanwhile: StorageBackend = {
      ...backend,
      async getEntry(...about) {
        const found = await backend.getEntry(...about)
        if (isCopied) {
          gate.open()
          expect(await deletion).toBe(true)
          lose()
        }
        return found
      },
    }
    await open(deletedMeanwhile, slow).storeData({ ...AT, id: 'a', data: 2 })
    await expectGone(primary)
  })

  it('is noted before the deletion asks R2 whether it has the record, and hears nothing', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const { backend, lose } = losable(primary)
    const gate = createGate()
    let asked = 0
    const deleting: StorageBackend = {
      ...backend,
      async getEntry(...about) {
        const found = await backend.getEntry(...about)
        if (++asked === 2) await gate.pass()
        return found
      },
      async commit(...about) {
        const committed = await backend.commit(...about)
        lose()
        return committed
      },
    }
    const other = open(deleting, await sqlite())
    let deletion: Promise<boolean> | undefined
    let commits = 0
    const raising: StorageBackend = {
      ...primary,
      async commit(...about) {
        if (++commits === 1) return primary.commit(...about)
        gate.open()
        expect(await deletion).toBe(true)
        return away()
      },
    }
    const secondary = plainBackend(await sqlite())
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        deletion ??= other.deleteData('m', 'u', 'a')
        await gate.reached
        return secondary.commit(...about)
      },
    }
    await open(raising, slow).storeData({ ...AT, id: 'a', data: 2 })
    expect(commits).toBe(2)
    await expectGone(primary)
  })

  it('leaves no hash of what was deleted for good meanwhile', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const other = open(primary, await sqlite())
    const secondary = plainBackend(await sqlite())
    let isDeleted = false
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        const stored = await secondary.commit(...about)
        if (!isDeleted) {
          isDeleted = true
          expect(await other.deleteData('m', 'u', 'a', { hard: true })).toBe(true)
        }
        return stored
      },
    }
    await open(primary, slow).storeData({ ...AT, id: 'a', data: 2 })
    expect(await basesOf(secondary, AT, 'a')).toEqual([])
    await expectGone(primary)
  })

  it('is found by a deletion behind an outbox, which notes nothing before R2 has deleted', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const secondary = plainBackend(await sqlite())
    const { backend, lose } = losable(primary)
    const gate = createGate()
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        await gate.pass()
        return secondary.commit(...about)
      },
    }
    const storing = open(backend, slow).storeData({ ...AT, id: 'a', data: 2 })
    await gate.reached
    const stored = await primary.getEntry(AT, 'a')
    if (stored === undefined) throw new Error('R2 has it')
    const expected = { kind: 'etag', etag: recordEtag(stored.entry) } as const
    const mutation = { kind: 'delete', id: 'a', at: new Date().toISOString(), expect: expected } as const
    const committed = await primary.commit(AT, [mutation])
    let isFirst = true
    const others: StorageBackend = {
      ...secondary,
      blobs: {
        ...secondary.blobs,
        async get(path) {
          if (isFirst) {
            isFirst = false
            lose()
            gate.open()
            await storing
          }
          return secondary.blobs.get(path)
        },
      },
    }
    await copyCommitted({ primary, secondary: others }, AT, [mutation], committed)
    expect(await secondary.getEntry(AT, 'a')).toBeUndefined()
    await expectGone(primary)
  })
})

describe('a deletion that never happened leaves no note', () => {
  it('of a copy that was made while it was tried, once R2 says that it has the record', async () => {
    const primary = createMemoryBackend()
    const gate = createGate()
    const refusing: StorageBackend = {
      ...primary,
      async commit() {
        await gate.pass()
        return away()
      },
    }
    const other = open(refusing, await sqlite())
    const secondary = plainBackend(await sqlite())
    const { backend, lose, find } = losable(primary)
    let deletion: Promise<unknown> | undefined
    const slow: StorageBackend = {
      ...secondary,
      async commit(...about) {
        const stored = await secondary.commit(...about)
        deletion ??= other.deleteData('m', 'u', 'a').catch((error: unknown) => error)
        await gate.reached
        lose()
        return stored
      },
    }
    const storage = open(backend, slow)
    await storage.storeData({ ...AT, id: 'a', data: 2 })
    gate.open()
    expect(await deletion).toMatchObject({ code: 'UNAVAILABLE' })
    find()
    expect((await storage.retrieveData('m', 'u', 'a'))?.data).toBe(2)
    expect(await readWhileAway(folder.sqlitePath)).toBe(2)
  })

  it('when R2 goes away before all of a batch were noted', async () => {
    const { backend, lose } = losable(createMemoryBackend())
    let asked = 0
    const primary: StorageBackend = {
      ...backend,
      async getEntry(...about) {
        const found = await backend.getEntry(...about)
        if (asked++ === 0) lose()
        return found
      },
    }
    const secondary = await sqlite()
    const storage = manageBackend(createHybridBackend({ primary: backend, secondary }))
    const etags = [
      await storage.storeData({ ...AT, id: 'a', data: 1 }),
      await storage.storeData({ ...AT, id: 'b', data: 1 }),
    ].map(({ etag }) => etag)
    const deletions = ['a', 'b'].map(
      (id, index) =>
        ({
          kind: 'delete',
          id,
          at: new Date().toISOString(),
          expect: { kind: 'etag', etag: etags[index] ?? '' },
        }) as const,
    )
    const hybrid = createHybridBackend({ primary, secondary })
    await expect(hybrid.commit(AT, deletions)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await readWhileAway(folder.sqlitePath)).toBe(1)
  })
})
