import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { NAMESPACE, put } from '../migration/migration.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { forgetAttempt, noteDeleted, noteDeleting, wasDeleted } from './deletion-note.ts'
import { noteInPrimary, noteSending, wasInPrimary } from './primary-note.ts'

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

it('of a record that is sent says that it arrived once that is known, and not again that it is sent', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const entry = await put(secondary, { id: 'a', value: 1 })
  await noteSending(secondary, NAMESPACE, entry)
  expect(await wasInPrimary(secondary, NAMESPACE, entry)).toBe(false)
  await noteInPrimary(secondary, NAMESPACE, entry)
  await noteSending(secondary, NAMESPACE, entry)
  expect(await wasInPrimary(secondary, NAMESPACE, entry)).toBe(true)
  await secondary.close()
  await folder.remove()
})
