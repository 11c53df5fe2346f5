import type { StorageBackend } from '@umbra/core'
import type { MigrationOptions } from '../migration/migration-options.ts'
import { createBlobCopies } from './blob-copies.ts'
import { noteEqual } from './primary-note.ts'

/** What hybrid must know of a migration: whose copy of what is not in R2 any more was deleted there, and which version a change on SQLite alone was made over. */
export function migrationNotes(sqlite: StorageBackend): Pick<MigrationOptions, 'onEqual' | 'onEqualBlob'> {
  const copies = createBlobCopies(sqlite.blobs)
  return {
    async onEqual(namespace, entries) {
      await Promise.all(entries.map((entry) => noteEqual(sqlite, namespace, entry)))
    },
    onEqualBlob: ({ path, etag }) => copies.noteInPrimary(path, etag),
  }
}
