import type { ManifestEntry, StorageBackend } from '@umbra/core'
import type { BlobVersion, HybridOptions } from '../migration/migration-options.ts'
import { basesOf, isUnchanged, lowestBase } from '../migration/version-bases.ts'
import { createBlobCopies } from './blob-copies.ts'
import { isKnownDeleted, wasDeleted } from './deletion-note.ts'
import { noteInPrimary } from './primary-note.ts'

/** All that a migration between the halves of a hybrid goes by; SQLite is this side. */
export function betweenHalves(sqlite: StorageBackend, side: 'source' | 'target'): HybridOptions {
  return { ...migrationNotes(sqlite), ...notedDeletions(sqlite, side) }
}

/** What hybrid must know of a migration: whose copy of what is not in R2 any more was deleted there. */
export function migrationNotes(
  sqlite: StorageBackend,
): Pick<HybridOptions, 'isHybrid' | 'onEqual' | 'onEqualBlob'> {
  const copies = createBlobCopies(sqlite.blobs)
  return {
    isHybrid: true,
    async onEqual(namespace, entries) {
      await Promise.all(entries.map((entry) => noteInPrimary(sqlite, namespace, entry)))
    },
    onEqualBlob: ({ path, etag }) => copies.noteInPrimary(path, etag),
  }
}

/** What a deletion has left behind in SQLite, which is this side, whether or not R2 still knows of it. */
export function notedDeletions(
  sqlite: StorageBackend,
  side: 'source' | 'target',
): Pick<HybridOptions, 'findDeleted' | 'wasBlobInTarget'> {
  const copies = createBlobCopies(sqlite.blobs)
  return {
    async findDeleted(namespace, entries, of) {
      const left = new Map<ManifestEntry, 'copy' | 'changed'>()
      if (of !== side) return left
      // What is not copied can be copied another time; what is deleted is gone.
      const isDeleted = side === 'source' ? wasDeleted : isKnownDeleted
      await Promise.all(
        entries.map(async (entry) => {
          const bases = await basesOf(sqlite, namespace, entry)
          // Not this version any more: whoever acts on it finds out.
          if (bases === undefined) return
          const isCopied = bases.length === 0 || isUnchanged(bases, entry, entry)
          // What was changed has a higher revision than what was deleted.
          const rev = isCopied ? entry.rev : lowestBase(bases)
          if (await isDeleted(sqlite, namespace, { ...entry, rev }))
            left.set(entry, isCopied ? 'copy' : 'changed')
        }),
      )
      return left
    },
    // Not enough to delete one from SQLite: a bucket that was emptied has none either.
    ...(side === 'source' && {
      wasBlobInTarget: ({ path, etag }: BlobVersion) => copies.wasInPrimary(path, { etag }),
    }),
  }
}
