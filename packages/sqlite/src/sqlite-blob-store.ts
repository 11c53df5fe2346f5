import { blobEtag, checkBlobExpectation } from '@umbra/core'
import type { BlobStore } from '@umbra/core'
import { eq, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { eventLoopTurn } from './event-loop-turn.ts'
import type { GroupTransaction } from './group-transaction.ts'
import { blobs } from './schema.ts'
import { translated } from './sqlite-error.ts'

export function createSqliteBlobStore(db: BetterSQLite3Database, writes: GroupTransaction): BlobStore {
  const atPath = eq(blobs.path, sql.placeholder('path'))
  const find = db.select({ etag: blobs.etag, bytes: blobs.bytes }).from(blobs).where(atPath).prepare()
  const findEtag = db.select({ etag: blobs.etag }).from(blobs).where(atPath).prepare()
  const remove = db.delete(blobs).where(atPath).prepare()
  const write = db
    .insert(blobs)
    .values({
      path: sql.placeholder('path'),
      etag: sql.placeholder('etag'),
      bytes: sql.placeholder('bytes'),
    })
    .onConflictDoUpdate({
      target: blobs.path,
      set: { etag: sql`excluded.etag`, bytes: sql`excluded.bytes` },
    })
    .prepare()

  return {
    put(path, bytes, expect) {
      const etag = blobEtag(bytes)
      return writes.run(() => {
        if (expect !== undefined) checkBlobExpectation(path, findEtag.get({ path })?.etag, expect)
        write.run({ path, etag, bytes })
        return { etag, size: bytes.byteLength }
      })
    },

    async get(path) {
      await eventLoopTurn()
      const blob = translated(() => find.get({ path }))
      return blob && { ...blob, size: blob.bytes.byteLength }
    },

    delete: (path, expect) =>
      writes.run(() => {
        if (expect !== undefined) checkBlobExpectation(path, findEtag.get({ path })?.etag, expect)
        return remove.run({ path }).changes > 0
      }),
  }
}
