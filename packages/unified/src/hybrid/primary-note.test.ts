import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { NAMESPACE, put } from '../migration/migration.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { forgetDeletion, noteDeletion, noteInPrimary, wasDeleted, wasInPrimary } from './primary-note.ts'

it('is not written over the note of a deletion that comes in between', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const entry = await put(secondary, { id: 'a', value: 1 })
  let overtaken = false
  const slow: StorageBackend = {
    ...plainBackend(secondary),
    blobs: {
      put: (...about) => secondary.blobs.put(...about),
      delete: (...about) => secondary.blobs.delete(...about),
      async get(path) {
        const found = await secondary.blobs.get(path)
        if (!overtaken) await noteDeletion(secondary, NAMESPACE, entry)
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
  await noteDeletion(secondary, NAMESPACE, earlier)
  expect(await wasInPrimary(secondary, NAMESPACE, later)).toBe(true)
  await forgetDeletion(secondary, NAMESPACE, earlier)
  expect(await wasInPrimary(secondary, NAMESPACE, later)).toBe(true)
  await secondary.close()
  await folder.remove()
})
