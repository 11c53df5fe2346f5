import { createMemoryBackend, manageBackend, recordEtag } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import {
  AT,
  aroundCommits,
  away,
  createGate,
  deleteOnSqliteAlone,
  losable,
  openSqlite,
  readWhileAway,
} from './away.fixture.ts'
import type { Gate } from './away.fixture.ts'
import { copyCommitted } from './copy-committed.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { notedDeletions } from './migration-notes.ts'

let folder: StorageFolder
beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

const sqlite = () => openSqlite(folder.sqlitePath)

const open = (primary: StorageBackend, secondary: StorageBackend) =>
  manageBackend(createHybridBackend({ primary, secondary }))

/** R2 whose second answer to what it has waits at the gate: a deletion asks once for the record, then before it is noted. */
function slowToAnswer(primary: StorageBackend, gate: Gate): StorageBackend {
  let asked = 0
  return {
    ...primary,
    async getEntry(...about) {
      const found = await primary.getEntry(...about)
      if (++asked === 2) await gate.pass()
      return found
    },
  }
}

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
    const other = open(slowToAnswer(primary, gate), await sqlite())
    const secondary = plainBackend(await sqlite())
    const { backend, lose } = losable(primary)
    let deletion: Promise<boolean> | undefined
    let isCopied = false
    let isDeleted = false
    const slow: StorageBackend = {
      ...aroundCommits(secondary, {
        async before() {
          deletion ??= other.deleteData('m', 'u', 'a')
          await gate.reached
        },
        after: () => (isCopied = true),
      }),
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
    const other = open(aroundCommits(primary, { before: gate.pass }), await sqlite())
    const { backend, lose } = losable(primary)
    let deletion: Promise<boolean> | undefined
    let isCopied = false
    const slow = aroundCommits(await sqlite(), {
      async before() {
        deletion ??= other.deleteData('m', 'u', 'a')
        await gate.reached
      },
      after: () => (isCopied = true),
    })
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
    const deleting = aroundCommits(slowToAnswer(backend, gate), { after: lose })
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
    const slow = aroundCommits(await sqlite(), {
      async before() {
        deletion ??= other.deleteData('m', 'u', 'a')
        await gate.reached
      },
    })
    await open(raising, slow).storeData({ ...AT, id: 'a', data: 2 })
    expect(commits).toBe(2)
    await expectGone(primary)
  })

  it('leaves no hash of what was deleted for good meanwhile', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const other = open(primary, await sqlite())
    const secondary = await sqlite()
    let isDeleted = false
    const slow = aroundCommits(secondary, {
      async after() {
        if (!isDeleted) {
          isDeleted = true
          expect(await other.deleteData('m', 'u', 'a', { hard: true })).toBe(true)
        }
      },
    })
    await open(primary, slow).storeData({ ...AT, id: 'a', data: 2 })
    expect(await secondary.bases?.get(AT, 'a')).toMatchObject({ bases: [] })
    await expectGone(primary)
  })

  it('is found by a deletion behind an outbox, which notes nothing before R2 has deleted', async () => {
    await deleteOnSqliteAlone(folder.sqlitePath)
    const primary = createMemoryBackend()
    const secondary = plainBackend(await sqlite())
    const { backend, lose } = losable(primary)
    const gate = createGate()
    const slow = aroundCommits(secondary, { before: gate.pass })
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
    const { backend, lose, find } = losable(primary)
    let deletion: Promise<unknown> | undefined
    const slow = aroundCommits(await sqlite(), {
      async after() {
        deletion ??= other.deleteData('m', 'u', 'a').catch((error: unknown) => error)
        await gate.reached
        lose()
      },
    })
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
