import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { hasErrorCode, UmbraError, recordNotFound } from '@umbra/core'
import type { Namespace, StorageManager, StorageRecordInfo, StoreRequest } from '@umbra/core'
import type { Caller } from '../auth/caller.ts'
import { toInfo } from './record-info.ts'

/**
 * The id a key stands for: the same caller, namespace and key always mean the same record, and nobody else's key
 * can mean it, so a repeat finds the first record without any list of keys.
 */
export function idempotentId(caller: Caller, { module, userId }: Namespace, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([caller.name, module, userId, key]))
    .digest('hex')
    .slice(0, 32)
}

/** What is to be stored, and how to tell afterwards whether a stored record already is that. */
export interface Creation {
  readonly request: StoreRequest
  /** Called after the request's data was consumed. */
  readonly isStoredAs: (storage: StorageManager, stored: StorageRecordInfo) => Promise<boolean>
}

/**
 * Stores a record whose id came from an idempotency key; a repeat resolves to the record of the first time.
 * Rejects with `ALREADY_EXISTS` when the record is not, or is no longer, what this request would store.
 */
export async function createOnce(
  storage: StorageManager,
  { request, isStoredAs }: Creation,
): Promise<StorageRecordInfo> {
  try {
    return toInfo(await storage.storeData(request))
  } catch (error) {
    if (!hasErrorCode(error, 'ALREADY_EXISTS') || request.id === undefined) throw error
    const stored = await storage.retrieveInfo(request.module, request.userId, request.id)
    if (stored === null) throw recordNotFound(request.id)
    if (describedAlike(request, stored) && (await isStoredAs(storage, stored))) return stored
    throw new UmbraError(
      'ALREADY_EXISTS',
      'the idempotency key was used for another request; take a new key',
      {
        cause: error,
        details: { field: 'idempotency-key', id: stored.id, currentEtag: stored.etag },
      },
    )
  }
}

/** Whether a stored record has the same data as a JSON request. */
export function sameData(data: unknown): Creation['isStoredAs'] {
  return async (storage, { module, userId, id }) => {
    const stored = await storage.retrieveData(module, userId, id)
    // Through JSON as the stored data went, where -0 is 0.
    return isDeepStrictEqual(stored?.data, JSON.parse(JSON.stringify(data)))
  }
}

/** A stream that can be compared, once it has passed, with what is stored. */
export function digestBytes(chunks: AsyncIterable<Uint8Array>): Passing<Uint8Array> {
  return passing(
    chunks,
    (hash, chunk) => hash.update(chunk),
    async function* (storage, { module, userId, id }) {
      const opened = await storage.openData(module, userId, id)
      if (opened !== null) yield* opened.body
    },
  )
}

/** The same for rows, compared as JSON. */
export function digestRows(rows: AsyncIterable<unknown>): Passing<unknown> {
  return passing(
    rows,
    (hash, row) => hash.update(`${JSON.stringify(row)}\n`),
    (storage, { module, userId, id }) => storage.iterateRows(module, userId, id),
  )
}

interface Passing<T> {
  readonly items: AsyncIterable<T>
  readonly isStoredAs: Creation['isStoredAs']
}

function passing<T>(
  source: AsyncIterable<T>,
  add: (hash: Hash, item: T) => void,
  read: (storage: StorageManager, stored: StorageRecordInfo) => AsyncIterable<T>,
): Passing<T> {
  const sent = createHash('sha256')
  async function* pass(): AsyncGenerator<T> {
    for await (const item of source) {
      add(sent, item)
      yield item
    }
  }
  return {
    items: pass(),
    async isStoredAs(storage, stored) {
      const kept = createHash('sha256')
      for await (const item of read(storage, stored)) add(kept, item)
      return kept.digest().equals(sent.digest())
    },
  }
}

function describedAlike(request: StoreRequest, stored: StorageRecordInfo): boolean {
  return (
    (request.dataFormat ?? 'json') === stored.dataFormat &&
    (request.filename ?? null) === stored.filename &&
    (request.contentType ?? stored.contentType) === stored.contentType &&
    isDeepStrictEqual(request.metadata ?? {}, stored.metadata)
  )
}
