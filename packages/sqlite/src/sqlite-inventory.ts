import { BLOBS_PREFIX } from '@umbra/core'
import type { Deletion, ListedBlob, Namespace, StoreInventory } from '@umbra/core'
import { and, asc, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { eventLoopTurn } from './event-loop-turn.ts'
import { blobs, namespaces, records } from './schema.ts'
import { translated } from './sqlite-error.ts'

const PAGE_SIZE = 1_000

/** `0` is the character after `/`, so this is the end of everything that starts with the prefix. */
const AFTER_BLOBS = `${BLOBS_PREFIX.slice(0, -1)}0`

/** Page by page: a statement that is still being read would keep everything else from the connection. */
export function createSqliteInventory(db: BetterSQLite3Database): StoreInventory {
  async function* pages<T>(page: (after: T | undefined) => T[]): AsyncGenerator<T> {
    for (let after: T | undefined; ;) {
      await eventLoopTurn()
      const rows = translated(() => page(after))
      yield* rows
      if (rows.length < PAGE_SIZE) return
      after = rows.at(-1)
    }
  }

  const namespacesAfter = (after: Namespace | undefined): Namespace[] =>
    db
      .select({ module: namespaces.module, userId: namespaces.userId })
      .from(namespaces)
      .where(after && sql`(${namespaces.module}, ${namespaces.userId}) > (${after.module}, ${after.userId})`)
      .orderBy(asc(namespaces.module), asc(namespaces.userId))
      .limit(PAGE_SIZE)
      .all()

  const blobsAfter = (after: ListedBlob | undefined): ListedBlob[] =>
    db
      .select({ path: blobs.path, etag: blobs.etag, size: sql<number>`octet_length(${blobs.bytes})` })
      .from(blobs)
      .where(and(gt(blobs.path, after?.path ?? BLOBS_PREFIX), lt(blobs.path, AFTER_BLOBS)))
      .orderBy(asc(blobs.path))
      .limit(PAGE_SIZE)
      .all()

  const deletionsOf = (namespace: Namespace, ids: readonly string[]) =>
    db
      .select({ id: records.id, rev: records.rev, timestamp: records.timestamp })
      .from(records)
      .innerJoin(namespaces, eq(namespaces.pk, records.namespace))
      .where(
        and(
          eq(namespaces.module, namespace.module),
          eq(namespaces.userId, namespace.userId),
          inArray(records.id, [...ids]),
          eq(records.op, 'del'),
        ),
      )
      .all()

  return {
    listNamespaces: () => pages(namespacesAfter),
    listBlobs: () => pages(blobsAfter),
    async findDeletions(namespace, ids) {
      const found = new Map<string, Deletion>()
      for (let start = 0; start < ids.length; start += PAGE_SIZE) {
        await eventLoopTurn()
        const some = ids.slice(start, start + PAGE_SIZE)
        for (const { id, ...deletion } of translated(() => deletionsOf(namespace, some)))
          found.set(id, deletion)
      }
      return found
    },
  }
}
