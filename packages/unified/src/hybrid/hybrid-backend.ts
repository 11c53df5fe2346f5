import type { StorageBackend } from '@umbra/core'
import { createCopyBacklog } from './copy-backlog.ts'
import { FROM_COPY, readEither } from './hybrid-parts.ts'
import type { HybridParts } from './hybrid-parts.ts'
import { createMirroredBackend, FROM_COPIES } from './mirrored-backend.ts'
import { withStaleness } from '../outbox/with-staleness.ts'
import { withCopiesRead } from './with-copies-read.ts'

/**
 * Writes go to both, the primary first: it alone decides, and they reject while it cannot be reached. Reads prefer the
 * primary, fall back to the secondary (`stale`) while the primary cannot be reached, and include what is only in the secondary. See
 * docs/decisions/003.
 */
export function createHybridBackend(parts: HybridParts): StorageBackend {
  const mirrored = createMirroredBackend(parts, createCopyBacklog())
  return withCopiesRead(
    {
      ...mirrored,
      async purge(namespace, id) {
        await mirrored.purge?.(namespace, id)
        await parts.secondary.purge?.(namespace, id)
      },
      getEntry: (namespace, id, options) =>
        options?.consistency === undefined
          ? readEither(
              () => mirrored.getEntry(namespace, id),
              async () => {
                const copy = await mirrored.getEntry(namespace, id, FROM_COPIES)
                return copy && withStaleness(copy, FROM_COPY)
              },
            )
          : mirrored.getEntry(namespace, id, options),
      findEntries: (namespace, query, options) =>
        options?.consistency === undefined
          ? readEither(
              () => mirrored.findEntries(namespace, query),
              async () => {
                const page = await mirrored.findEntries(namespace, query, FROM_COPIES)
                return withStaleness(
                  { ...page, items: page.items.map((copy) => withStaleness(copy, FROM_COPY)) },
                  FROM_COPY,
                )
              },
            )
          : mirrored.findEntries(namespace, query, options),
    },
    parts.secondary,
  )
}
