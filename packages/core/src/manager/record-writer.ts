import type { Mutation } from '../backend/mutation.ts'
import type { StoredEntry } from '../backend/storage-backend.ts'
import { recordChanged, recordNotFound } from '../errors/record-errors.ts'
import { hasErrorCode, UmbraError } from '../errors/umbra-error.ts'
import type { Namespace } from '../records/namespace.ts'
import { etagRevision, recordEtag } from '../records/record-etag.ts'
import type { StorageRecord, StorageRecordInfo } from '../records/storage-record.ts'
import { retryDelayMs } from '../retry/retry-policy.ts'
import type { RetryPolicy } from '../retry/retry-policy.ts'
import { encodeRecord } from './encode-record.ts'
import type { EncodedRecord } from './encode-record.ts'
import type { ParsedStoreRequest, ParsedUpdateRequest } from './input-schemas.ts'
import type { ManagerContext } from './manager-context.ts'
import { parseMetadata } from './record-metadata.ts'
import type { RecordReader } from './record-reader.ts'
import { toRecordInfo } from './to-record-info.ts'

/** How long an update without `ifMatch` keeps trying to get in between other writers. */
const CONTENTION_POLICY: RetryPolicy = { maxAttempts: 100, baseDelayMs: 5, maxDelayMs: 500 }

type UpdateFunction = (current: unknown) => unknown

export class RecordWriter {
  readonly #context: ManagerContext
  readonly #reader: RecordReader

  constructor(context: ManagerContext, reader: RecordReader) {
    this.#context = context
    this.#reader = reader
  }

  /** Encodes a new record; nothing is stored. The caller disposes the body. */
  async encode(request: ParsedStoreRequest): Promise<EncodedRecord> {
    const now = this.#context.clock.now()
    assertBinaryOnly(request)
    const description = {
      namespace: { module: request.module, userId: request.userId },
      id: request.id ?? this.#context.ids.next(now),
      timestamp: new Date(now).toISOString(),
      updatedAt: undefined,
      dataFormat: request.dataFormat,
      metadata: parseMetadata(request.metadata ?? {}),
      filename: request.filename,
      contentType: request.contentType,
    }
    const encoded = await encodeRecord(description, request.data, this.#context)
    return request.id === undefined ? { ...encoded, freshId: true } : encoded
  }

  /** Stores encoded records of one namespace in one commit. */
  create(namespace: Namespace, records: readonly EncodedRecord[]): Promise<readonly StoredEntry[]> {
    const mutations = records.map((record): Mutation => ({
      kind: 'put',
      ...record,
      expect: { kind: 'absent' },
    }))
    return this.#context.backend.commit(namespace, mutations)
  }

  /** Puts a new revision over exactly the one named by `ifMatch`, or over whatever is current. */
  update(request: ParsedUpdateRequest): Promise<StorageRecord> {
    const namespace = { module: request.module, userId: request.userId }
    if (typeof request.data === 'function')
      return this.#updateBy(namespace, request, request.data as UpdateFunction)
    return this.#overCurrent(namespace, request, async (current) => {
      const info = await this.#replace(namespace, current, request, request.data)
      return { ...info, data: request.data }
    })
  }

  /** `hard` leaves nothing behind, also of a record that was deleted before. */
  async delete(
    namespace: Namespace,
    id: string,
    { ifMatch, hard }: { readonly ifMatch?: string | undefined; readonly hard: boolean },
  ): Promise<boolean> {
    const deleted = await this.#deleteCurrent(namespace, id, ifMatch)
    if (hard) await this.#context.backend.purge?.(namespace, id)
    return deleted
  }

  async #deleteCurrent(namespace: Namespace, id: string, ifMatch: string | undefined): Promise<boolean> {
    try {
      return await this.#overCurrent(namespace, { recordId: id, ifMatch }, async (current) => {
        const at = new Date(this.#context.clock.now()).toISOString()
        const expect = { kind: 'etag', etag: recordEtag(current.entry) } as const
        await this.#context.backend.commit(namespace, [{ kind: 'delete', id, expect, at }])
        return true
      })
    } catch (error) {
      if (hasErrorCode(error, 'NOT_FOUND')) return false
      throw error
    }
  }

  #updateBy(
    namespace: Namespace,
    request: ParsedUpdateRequest,
    change: UpdateFunction,
  ): Promise<StorageRecord> {
    return this.#overCurrent(namespace, request, async (current) => {
      const before = await this.#reader.load(current)
      if (before === null) throw recordNotFound(request.recordId)
      const data = await change(before.data)
      const info = await this.#replace(namespace, current, request, data)
      return { ...info, data }
    })
  }

  async #replace(
    namespace: Namespace,
    { entry }: StoredEntry,
    request: ParsedUpdateRequest,
    data: unknown,
  ): Promise<StorageRecordInfo> {
    const description = {
      namespace,
      id: entry.id,
      timestamp: entry.timestamp,
      updatedAt: new Date(this.#context.clock.now()).toISOString(),
      dataFormat: entry.data_type,
      metadata: request.metadata === undefined ? entry.metadata : parseMetadata(request.metadata),
      filename: entry.filename,
      contentType: entry.content_type,
    }
    const { draft, body } = await encodeRecord(description, data, this.#context)
    try {
      const expect = { kind: 'etag', etag: recordEtag(entry) } as const
      const [stored] = await this.#context.backend.commit(namespace, [{ kind: 'put', draft, body, expect }])
      if (stored === undefined) throw new UmbraError('INTERNAL', 'the backend returned no entry for a commit')
      return toRecordInfo(stored)
    } finally {
      await body.dispose()
    }
  }

  /** A caller that names a later version than the one that was seen last is not refused by it: the store is asked, or the call rejects. */
  async #current(
    namespace: Namespace,
    { recordId, ifMatch }: { readonly recordId: string; readonly ifMatch?: string | undefined },
  ): Promise<StoredEntry | undefined> {
    const { backend } = this.#context
    const current = await backend.getEntry(namespace, recordId)
    if (current === undefined || !knowsMore(ifMatch, current)) return current
    return backend.getEntry(namespace, recordId, { consistency: { kind: 'strong' } })
  }

  /**
   * Runs a compare-and-swap over the current revision. With `ifMatch` it runs once, against exactly that revision;
   * without, it runs again whenever another writer was faster.
   */
  async #overCurrent<T>(
    namespace: Namespace,
    target: { readonly recordId: string; readonly ifMatch?: string | undefined; readonly data?: unknown },
    attempt: (current: StoredEntry) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const current = await this.#current(namespace, target)
      if (current === undefined) throw recordNotFound(target.recordId)
      if (target.ifMatch !== undefined) assertStillCurrent(current, target.ifMatch)
      try {
        return await attempt(current)
      } catch (error) {
        if (target.ifMatch !== undefined || !isLostRace(error, target.recordId)) throw error
        if (current.entry.data_type !== 'json' && isStreamed(target.data))
          throw cannotReplay(target.recordId, error)
        if (tries >= CONTENTION_POLICY.maxAttempts) throw tooContended(target.recordId, error)
      }
      await this.#context.clock.sleep(retryDelayMs(CONTENTION_POLICY, tries, this.#context.ids.random()))
    }
  }
}

function knowsMore(ifMatch: string | undefined, { entry, stale }: StoredEntry): boolean {
  return stale !== undefined && ifMatch !== undefined && etagRevision(ifMatch) > entry.rev
}

function assertStillCurrent({ entry }: StoredEntry, ifMatch: string): void {
  const currentEtag = recordEtag(entry)
  if (currentEtag !== ifMatch) throw recordChanged(entry.id, currentEtag, 0)
}

function assertBinaryOnly(request: ParsedStoreRequest): void {
  if (request.dataFormat === 'binary') return
  const field = (['filename', 'contentType'] as const).find((name) => request[name] !== undefined)
  if (field === undefined) return
  throw new UmbraError('INVALID_INPUT', `${field} goes only with dataFormat "binary"`, { details: { field } })
}

/** Whether another writer was faster at this very record: an update function may fail for reasons of its own. */
function isLostRace(error: unknown, id: string): boolean {
  return hasErrorCode(error, 'PRECONDITION_FAILED') && error.details['id'] === id
}

/** Whether data can be read only once: streams, and rows that are not an array. */
function isStreamed(data: unknown): boolean {
  if (typeof data !== 'object' || data === null || data instanceof Uint8Array) return false
  if (Symbol.asyncIterator in data) return true
  return 'records' in data && typeof data.records === 'object' && !Array.isArray(data.records)
}

function cannotReplay(id: string, cause: unknown): UmbraError {
  return new UmbraError(
    'CONFLICT',
    `another writer was faster and a stream cannot be sent twice; call again with a fresh one. id=${id}`,
    {
      cause,
      details: { id },
    },
  )
}

function tooContended(id: string, cause: unknown): UmbraError {
  return new UmbraError('CONFLICT', `other writers kept changing the record; try again later. id=${id}`, {
    cause,
    details: { id, attempts: CONTENTION_POLICY.maxAttempts },
  })
}
