import type { ByteRange, RecordBody } from '@umbra/core'
import { and, eq, sql } from 'drizzle-orm'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { CHUNK_BYTES, withinRange } from '../body-chunks.ts'
import { eventLoopTurn } from '../event-loop-turn.ts'
import { bodies, bodyChunks } from '../schema.ts'
import { translated } from '../sqlite-error.ts'
import { bodyGone } from './outbox-error.ts'

export interface StoredBody {
  readonly pk: number
  readonly size: number
  readonly sha256: string
}

export interface OutboxBodies {
  /** A body whose bytes are read when they are asked for, so that a long queue does not fill the memory. */
  toRecordBody(stored: StoredBody): RecordBody
  stream(stored: StoredBody, range?: ByteRange): AsyncIterable<Uint8Array>
  /** All of it at once: for what is bounded, as blobs are. */
  whole(stored: StoredBody): Uint8Array
}

export function createOutboxBodies(db: BetterSQLite3Database): OutboxBodies {
  const findWhole = db
    .select({ bytes: bodies.bytes })
    .from(bodies)
    .where(eq(bodies.pk, sql.placeholder('pk')))
    .prepare()
  const findChunk = db
    .select({ bytes: bodyChunks.bytes })
    .from(bodyChunks)
    .where(and(eq(bodyChunks.body, sql.placeholder('pk')), eq(bodyChunks.chunk, sql.placeholder('chunk'))))
    .prepare()

  /** Undefined when it was cut into chunks. */
  function inline(pk: number): Uint8Array | undefined {
    const found = translated(() => findWhole.get({ pk }))
    if (found === undefined) throw bodyGone()
    return found.bytes ?? undefined
  }

  async function* stream({ pk, size }: StoredBody, range: ByteRange = { start: 0 }) {
    const whole = inline(pk)
    if (whole !== undefined) {
      yield withinRange(whole, 0, range)
      return
    }
    const lastByte = Math.min(range.end ?? Infinity, size - 1)
    for (let chunk = Math.floor(range.start / CHUNK_BYTES); chunk * CHUNK_BYTES <= lastByte; chunk++) {
      const piece = translated(() => findChunk.get({ pk, chunk }))
      if (piece === undefined) throw bodyGone()
      yield withinRange(piece.bytes, chunk * CHUNK_BYTES, range)
      await eventLoopTurn()
    }
  }

  function whole({ pk, size }: StoredBody): Uint8Array {
    const found = inline(pk)
    if (found !== undefined) return found
    const pieces: Uint8Array[] = []
    for (let chunk = 0; chunk * CHUNK_BYTES < size; chunk++) {
      const piece = translated(() => findChunk.get({ pk, chunk }))
      if (piece === undefined) throw bodyGone()
      pieces.push(piece.bytes)
    }
    return Buffer.concat(pieces)
  }

  return {
    whole,
    stream,
    toRecordBody: (stored) => ({
      size: stored.size,
      sha256: stored.sha256,
      get bytes() {
        return stored.size <= CHUNK_BYTES ? inline(stored.pk) : undefined
      },
      stream: (range) => stream(stored, range),
      dispose: async () => {},
    }),
  }
}
