import { createHash } from 'node:crypto'
import { collectBytes, oneChunk, recordEtag, UmbraError } from '@umbra/core'
import type { ByteRange, Clock, ManifestEntry, RecordBody } from '@umbra/core'
import { and, eq, lt, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { CHUNK_BYTES, cutChunks, withinRange } from './body-chunks.ts'
import { eventLoopTurn } from './event-loop-turn.ts'
import type { GroupTransaction } from './group-transaction.ts'
import { bodies, bodyChunks, namespaces, records } from './schema.ts'
import { translated } from './sqlite-error.ts'

/** A body that is ready to be committed: its bytes, or where they already are. */
export interface PreparedBody {
  /** MD5 of the body, as S3 makes ETags. */
  readonly etag: string
  readonly content:
    | { readonly kind: 'inline'; readonly bytes: Uint8Array }
    | { readonly kind: 'staged'; readonly pk: number; readonly stagedAt: number }
}

interface BodyPiece {
  readonly bytes: Uint8Array
  readonly isWhole: boolean
}

/** Uploads that began longer ago were left by a process that died: no upload takes a day. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000

export interface BodyStore {
  /** Writes a large body aside in bounded memory; a small one stays in memory until the commit. */
  prepare(body: RecordBody): Promise<PreparedBody>
  /** Makes a prepared body permanent and returns its primary key. Runs inside the commit's transaction. */
  attach(prepared: PreparedBody): number
  /** Removes a body and its chunks, if there is one. Runs inside a transaction. */
  remove(pk: number | null): void
  /** Forgets a prepared body whose commit was rejected. */
  discard(prepared: PreparedBody): Promise<void>
  /** @throws `CONFLICT` when the revision is not current any more, `CORRUPT` when its body is missing. */
  open(entry: ManifestEntry, range: ByteRange | undefined): AsyncIterable<Uint8Array>
  /** Removes what processes that died while uploading left behind. */
  sweep(): Promise<void>
}

export function createBodyStore(
  db: BetterSQLite3Database,
  writes: GroupTransaction,
  clock: Clock,
): BodyStore {
  const statements = prepareBodyStatements(db)

  async function stage(body: RecordBody): Promise<PreparedBody> {
    const hash = createHash('md5')
    const stagedAt = clock.now()
    const pk = await writes.run(() => insertedPk(statements.insert.run({ stagedAt, bytes: null })))
    try {
      let chunk = 0
      for await (const bytes of cutChunks(body.stream(), CHUNK_BYTES)) {
        hash.update(bytes)
        await writes.run(() => statements.insertChunk.run({ body: pk, chunk: chunk++, bytes }))
      }
    } catch (error) {
      await writes.run(() => statements.removeStaged.run({ pk, stagedAt }))
      throw error
    }
    return { etag: hash.digest('hex'), content: { kind: 'staged', pk, stagedAt } }
  }

  /** One statement, so that no other process can come between finding the revision and reading its bytes. */
  function readPiece(entry: ManifestEntry, chunk: number): BodyPiece {
    const place = { module: entry.module, userId: entry.user_id, id: entry.id, chunk }
    const row = translated(() => statements.findPiece.get(place))
    if (row?.op !== 'put' || recordEtag(row) !== recordEtag(entry)) {
      throw new UmbraError('CONFLICT', `the record changed while it was read; read it again. id=${entry.id}`)
    }
    const bytes = row.whole ?? row.piece
    if (bytes === null) throw missingBody(entry)
    return { bytes, isWhole: row.whole !== null }
  }

  async function* readChunks(entry: ManifestEntry, range: ByteRange): AsyncGenerator<Uint8Array> {
    const lastByte = Math.min(range.end ?? Infinity, entry.size - 1)
    for (let chunk = Math.floor(range.start / CHUNK_BYTES); chunk * CHUNK_BYTES <= lastByte; chunk++) {
      yield withinRange(readPiece(entry, chunk).bytes, chunk * CHUNK_BYTES, range)
      await eventLoopTurn()
    }
  }

  return {
    async prepare(body) {
      if (body.size > CHUNK_BYTES) return stage(body)
      const bytes = body.bytes ?? (await collectBytes(body.stream()))
      return { etag: createHash('md5').update(bytes).digest('hex'), content: { kind: 'inline', bytes } }
    },

    attach({ content }) {
      if (content.kind === 'inline') {
        return insertedPk(statements.insert.run({ stagedAt: null, bytes: content.bytes }))
      }
      // A sweep that took this upload for an abandoned one must not leave a record without a body.
      if (statements.keep.run(content).changes === 1) return content.pk
      throw new UmbraError(
        'UNAVAILABLE',
        'the upload took more than a day and was removed; store the record again',
      )
    },

    remove(pk) {
      if (pk !== null) statements.remove.run({ pk })
    },

    async discard({ content }) {
      // Only while it is staged: a commit whose outcome is unknown may have been applied after all.
      if (content.kind === 'staged') await writes.run(() => statements.removeStaged.run(content))
    },

    open(entry, range = { start: 0 }) {
      const first = readPiece(entry, 0)
      return first.isWhole ? oneChunk(withinRange(first.bytes, 0, range)) : readChunks(entry, range)
    },

    async sweep() {
      const before = clock.now() - ABANDONED_AFTER_MS
      const abandoned = statements.findAbandoned.get({ before })
      if (abandoned !== undefined) await writes.run(() => statements.removeAbandoned.run({ before }))
    },
  }
}

function insertedPk({ lastInsertRowid }: { readonly lastInsertRowid: number | bigint }): number {
  return Number(lastInsertRowid)
}

function missingBody(entry: ManifestEntry): UmbraError {
  return new UmbraError('CORRUPT', `the record's body is missing from the database. id=${entry.id}`, {
    details: { id: entry.id, key: entry.key },
  })
}

function prepareBodyStatements(db: BetterSQLite3Database) {
  const thisBody = eq(bodies.pk, sql.placeholder('pk'))
  const thisStaged = and(thisBody, eq(bodies.stagedAt, sql.placeholder('stagedAt')))
  const abandoned = lt(bodies.stagedAt, sql.placeholder('before'))
  return {
    insert: db
      .insert(bodies)
      .values({ stagedAt: sql.placeholder('stagedAt'), bytes: sql.placeholder('bytes') })
      .prepare(),
    insertChunk: db
      .insert(bodyChunks)
      .values({
        body: sql.placeholder('body'),
        chunk: sql.placeholder('chunk'),
        bytes: sql.placeholder('bytes'),
      })
      .prepare(),
    keep: db.update(bodies).set({ stagedAt: null }).where(thisStaged).prepare(),
    removeStaged: db.delete(bodies).where(thisStaged).prepare(),
    remove: db.delete(bodies).where(thisBody).prepare(),
    /** The row of an id, with its body when that is a small one, else with one chunk of it. */
    findPiece: db
      .select({
        rev: records.rev,
        sha256: records.sha256,
        op: records.op,
        whole: bodies.bytes,
        piece: bodyChunks.bytes,
      })
      .from(records)
      .innerJoin(namespaces, eq(namespaces.pk, records.namespace))
      .leftJoin(bodies, eq(bodies.pk, records.body))
      .leftJoin(
        bodyChunks,
        and(eq(bodyChunks.body, bodies.pk), eq(bodyChunks.chunk, sql.placeholder('chunk'))),
      )
      .where(
        and(
          eq(namespaces.module, sql.placeholder('module')),
          eq(namespaces.userId, sql.placeholder('userId')),
          eq(records.id, sql.placeholder('id')),
        ),
      )
      .prepare(),
    findAbandoned: db.select({ pk: bodies.pk }).from(bodies).where(abandoned).limit(1).prepare(),
    removeAbandoned: db.delete(bodies).where(abandoned).prepare(),
  }
}
