import { recordEtag, UmbraError } from '@umbra/core'
import type { ByteRange, ReadOptions, StorageBackend, StoredEntry } from '@umbra/core'
import { FROM_COPY, readEither } from './hybrid-parts.ts'
import { withStaleness } from '../outbox/with-staleness.ts'
import { isOfAnyAge } from './mirrored-backend.ts'

/** A hybrid whose blobs and bodies are read from their copies while the primary cannot be reached. */
export function withCopiesRead(backend: StorageBackend, secondary: StorageBackend): StorageBackend {
  const { blobs } = backend
  return {
    ...backend,
    // For callers a record of any age is the one that both have, called what the primary calls it.
    getEntry: (namespace, id, options) => backend.getEntry(namespace, id, unlessOfAnyAge(options)),
    findEntries: (namespace, query, options) =>
      backend.findEntries(namespace, query, unlessOfAnyAge(options)),
    blobs: {
      put: (...about) => blobs.put(...about),
      delete: (...about) => blobs.delete(...about),
      newest: async (...about) => blobs.newest?.(...about),
      async get(path, reading) {
        if (reading?.consistency !== undefined) return blobs.get(path, reading)
        return readEither(
          () => blobs.get(path),
          async () => {
            const copy = await secondary.blobs.get(path)
            return copy && withStaleness(copy, FROM_COPY)
          },
        )
      },
    },
    async openBody(stored, range) {
      // Found in the copies, so not a matter of the store, which may be left alone just now.
      if (stored.storedIn === 'sqlite' && !stored.pending) return secondary.openBody(stored, range)
      return readEither(
        () => backend.openBody(stored, range),
        () => openCopy(secondary, stored, range),
      )
    },
  }
}

function unlessOfAnyAge(options: ReadOptions | undefined): ReadOptions | undefined {
  return isOfAnyAge(options) ? undefined : options
}

async function openCopy(
  secondary: StorageBackend,
  { entry }: StoredEntry,
  range: ByteRange | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const copy = await secondary.getEntry({ module: entry.module, userId: entry.user_id }, entry.id)
  if (copy !== undefined && recordEtag(copy.entry) === recordEtag(entry))
    return secondary.openBody(copy, range)
  throw new UmbraError('UNAVAILABLE', `r2 does not answer and sqlite has another version. id=${entry.id}`, {
    details: { id: entry.id },
  })
}
