import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { NAMESPACE, put } from '../migration/migration.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { noteDeletion, noteInPrimary, wasDeleted } from './primary-note.ts'

it('is not written over the note of a deletion that comes in between', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const entry = await put(secondary, { id: 'a', value: 1 })
  let overtaken = false
  const slow: StorageBackend = {
    ...withFullDisk({ full: false })(secondary),
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
