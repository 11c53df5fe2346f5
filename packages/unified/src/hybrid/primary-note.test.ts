import { etagRevision, recordEtag } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { NAMESPACE, put } from '../migration/migration.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { forgetAttempt, noteDeleted, noteDeleting, wasDeleted } from './deletion-note.ts'
import { basesOf, forgetBases, noteEqual, noteInPrimary, noteSending, wasInPrimary } from './primary-note.ts'

it('is not written over the note of a deletion that comes in between', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const entry = await put(secondary, { id: 'a', value: 1 })
  let overtaken = false
  const slow: StorageBackend = {
    ...plainBackend(secondary),
    blobs: {
      ...plainBackend(secondary).blobs,
      async get(path) {
        const found = await secondary.blobs.get(path)
        if (!overtaken) await noteDeleted(secondary, NAMESPACE, entry)
        overtaken = true
        return found
      },
    },
  }
  await noteInPrimary(slow, NAMESPACE, entry)
  expect(overtaken).toBe(true)
  expect(await wasDeleted(secondary, NAMESPACE, entry)).toBe(true)
  await secondary.close()
  await folder.remove()
})

it('stays that of a later record with this id when somebody is late to delete the earlier one', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const earlier = await put(secondary, { id: 'a', value: 1 })
  const later = { ...earlier, rev: 3, timestamp: new Date(Date.now() + 1_000).toISOString() }
  await noteInPrimary(secondary, NAMESPACE, earlier)
  // Another process deletes it, and the id is used again.
  await noteInPrimary(secondary, NAMESPACE, later)
  const attempt = await noteDeleting(secondary, NAMESPACE, earlier)
  expect(await wasInPrimary(secondary, NAMESPACE, later)).toBe(true)
  await forgetAttempt(secondary, NAMESPACE, attempt)
  expect(await wasInPrimary(secondary, NAMESPACE, later)).toBe(true)
  await secondary.close()
  await folder.remove()
})

it('stays that of a later record when somebody is late to say that both had the earlier one', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const later = await put(secondary, { id: 'a', value: 1 })
  const earlier = { ...later, timestamp: new Date(Date.parse(later.timestamp) - 1_000).toISOString() }
  await noteInPrimary(secondary, NAMESPACE, later)
  await noteEqual(secondary, NAMESPACE, earlier)
  expect(await wasInPrimary(secondary, NAMESPACE, later)).toBe(true)
  await secondary.close()
  await folder.remove()
})

it('keeps what was sent until a later version is known to be on both sides, and over a deletion that was none', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const first = await put(secondary, { id: 'a', value: 1 })
  const at = (rev: number) => ({ ...first, rev })
  const revisions = async () => (await basesOf(secondary, NAMESPACE, 'a')).map(etagRevision)

  await noteSending(secondary, NAMESPACE, first)
  expect(await wasInPrimary(secondary, NAMESPACE, first)).toBe(false)
  await noteInPrimary(secondary, NAMESPACE, first)
  expect(await wasInPrimary(secondary, NAMESPACE, first)).toBe(true)
  await noteSending(secondary, NAMESPACE, at(2))
  await noteSending(secondary, NAMESPACE, at(3))
  await forgetAttempt(secondary, NAMESPACE, await noteDeleting(secondary, NAMESPACE, at(3)))
  expect(await revisions()).toEqual([1, 2, 3])
  await noteEqual(secondary, NAMESPACE, at(2))
  expect(await revisions()).toEqual([2, 3])
  await noteEqual(secondary, NAMESPACE, at(4))
  expect(await revisions()).toEqual([4])
  await secondary.close()
  await folder.remove()
})

it('names no version again of a record that was deleted since', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const entry = await put(secondary, { id: 'a', value: 1 })
  await noteInPrimary(secondary, NAMESPACE, entry)
  const current = { kind: 'etag', etag: recordEtag(entry) } as const
  const deletion = { kind: 'delete', id: 'a', expect: current, at: entry.timestamp } as const
  await secondary.commit(NAMESPACE, [deletion])
  await noteDeleted(secondary, NAMESPACE, entry)
  await forgetBases(secondary, NAMESPACE, 'a')
  await noteEqual(secondary, NAMESPACE, entry)
  expect(await basesOf(secondary, NAMESPACE, 'a')).toEqual([])
  await secondary.close()
  await folder.remove()
})
