import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { verifyMigration } from '../migration/verify-migration.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import {
  AT,
  aroundCommits,
  away,
  deleteOnSqliteAlone,
  losable,
  openSqlite,
  readWhileAway,
} from './away.fixture.ts'
import { noteDeleting } from './deletion-note.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { notedDeletions } from './migration-notes.ts'

let folder: StorageFolder
beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

const sqlite = () => openSqlite(folder.sqlitePath)

/** SQLite has a copy, at a higher revision than R2's, that was made after the record's deletion and could not be removed since. */
async function leaveRaisedCopy(): Promise<StorageBackend> {
  const primary = createMemoryBackend()
  await deleteOnSqliteAlone(folder.sqlitePath)
  const other = manageBackend(createHybridBackend({ primary, secondary: await sqlite() }))
  const secondary = await sqlite()
  const { backend, lose } = losable(primary)
  let isDeleted = false
  const slow = aroundCommits(secondary, {
    async before() {
      if (!isDeleted) expect(await other.deleteData('m', 'u', 'a')).toBe(true)
      isDeleted = true
      lose()
    },
  })
  const hybrid = manageBackend(createHybridBackend({ primary: backend, secondary: slow }))
  await hybrid.storeData({ ...AT, id: 'a', data: 2 })
  expect((await secondary.getEntry(AT, 'a'))?.entry.rev).toBeGreaterThan(1)
  await hybrid.close()
  return primary
}

describe('a copy that was raised above the deletion of its record', () => {
  it('is not read, whether or not R2 answers', async () => {
    const primary = await leaveRaisedCopy()
    expect(await readWhileAway(folder.sqlitePath)).toBeUndefined()
    const secondary = await sqlite()
    const storage = manageBackend(createHybridBackend({ primary, secondary }))
    expect(await storage.retrieveData('m', 'u', 'a')).toBeNull()
    await storage.close()
  })

  it('is not brought back by a migration, also when R2 has forgotten the deletion', async () => {
    await leaveRaisedCopy()
    const forgotten = createMemoryBackend()
    const source = await sqlite()
    expect((await runMigration(source, forgotten, notedDeletions(source, 'source'))).total).toMatchObject({
      copied: 0,
      deletedInTarget: 1,
    })
    expect(await forgotten.getEntry(AT, 'a')).toBeUndefined()
    await source.close()
  })

  it('is removed by a migration to SQLite, so that both sides are equal', async () => {
    const primary = await leaveRaisedCopy()
    const target = await sqlite()
    const { total } = await runMigration(primary, target, notedDeletions(target, 'target'))
    expect(total).toMatchObject({ copied: 0, deleted: 1 })
    expect(await verifyMigration(primary, target)).toMatchObject({ equal: true })
    await target.close()
  })
})

it('an attempt at a deletion, of which nobody knows what became, deletes nothing from SQLite', async () => {
  const target = await sqlite()
  await manageBackend(target).storeData({ ...AT, id: 'a', data: 1 })
  const stored = await target.getEntry(AT, 'a')
  if (stored === undefined) throw new Error('SQLite has it')
  await noteDeleting(target, AT, stored.entry)
  const { total } = await runMigration(createMemoryBackend(), target, notedDeletions(target, 'target'))
  expect(total).toMatchObject({ deleted: 0, onlyInTarget: 1 })
  await target.close()
})

describe('a deletion that R2 refused', () => {
  it('does not hide the record while R2 is away, when somebody changed it meanwhile', async () => {
    const primary = createMemoryBackend()
    const changedMeanwhile: StorageBackend = {
      ...primary,
      async commit(namespace, mutations, ...about) {
        if (mutations.some(({ kind }) => kind === 'delete'))
          await manageBackend(primary).updateData({ ...AT, recordId: 'a', data: 2 })
        return primary.commit(namespace, mutations, ...about)
      },
    }
    const storage = manageBackend(
      createHybridBackend({ primary: changedMeanwhile, secondary: await sqlite() }),
    )
    const { etag } = await storage.storeData({ ...AT, id: 'a', data: 1 })
    await expect(storage.deleteData('m', 'u', 'a', { ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    await storage.close()
    expect(await readWhileAway(folder.sqlitePath)).toBe(1)
  })

  it('leaves the note of another one that R2 accepted', async () => {
    const primary = createMemoryBackend()
    const secondary = await sqlite()
    const storing = manageBackend(createHybridBackend({ primary, secondary }))
    await storing.storeData({ ...AT, id: 'a', data: 1 })
    // It deletes the record from R2, and ends before it can remove the copy.
    const killed: StorageBackend = { ...plainBackend(secondary), commit: away }
    const other = manageBackend(createHybridBackend({ primary, secondary: killed }))
    const refusing: StorageBackend = {
      ...primary,
      async commit() {
        expect(await other.deleteData('m', 'u', 'a')).toBe(true)
        return away()
      },
    }
    const storage = manageBackend(createHybridBackend({ primary: refusing, secondary }))
    await expect(storage.deleteData('m', 'u', 'a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect((await secondary.getEntry(AT, 'a'))?.entry.rev).toBe(1)
    expect(await readWhileAway(folder.sqlitePath)).toBeUndefined()
    await secondary.close()
  })
})
