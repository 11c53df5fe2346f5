import pLimit from 'p-limit'
import { decodeCursor } from '../backend/cursor.ts'
import type { ReadOptions } from '../backend/consistency.ts'
import type { EntryQuery } from '../backend/entry-query.ts'
import type { StoredEntry } from '../backend/storage-backend.ts'
import type { ByteRange } from '../bodies/record-body.ts'
import { verifiedStream } from '../bodies/verified-stream.ts'
import { recordNotFound } from '../errors/record-errors.ts'
import { hasErrorCode } from '../errors/umbra-error.ts'
import type { Page } from '../page.ts'
import type { Namespace } from '../records/namespace.ts'
import type { StorageRecord, StorageRecordInfo } from '../records/storage-record.ts'
import type { SearchExpression } from '../search/search-expression.ts'
import { assertHasRows, decodeRecord, decodeRows } from './decode-record.ts'
import type { ParsedListOptions } from './input-schemas.ts'
import type { ManagerContext } from './manager-context.ts'
import type { OpenedRecord } from './storage-manager.ts'
import { toRecordInfo } from './to-record-info.ts'

/** Bodies fetched at the same time for one page: enough to hide the round trips of an object store. */
const PARALLEL_BODIES = 32

/** How many records are asked for at a time when all of them are wanted. */
const ALL_PAGE_SIZE = 1_000

/** A record that keeps changing while it is read is given up after this many tries. */
const MAX_READ_TRIES = 5

/** How a read is done, not what it reads. */
export interface Reading extends ReadOptions {
  readonly verify: boolean
}

export interface OpenOptions extends Reading {
  readonly range?: ByteRange | undefined
}

/** Turns options and the order a call defaults to into what backends answer. */
export function toEntryQuery(
  options: ParsedListOptions,
  defaultOrder: 'newest' | 'oldest',
  match?: SearchExpression,
): EntryQuery {
  const order = options.order ?? defaultOrder
  return {
    order,
    limit: options.limit,
    ...(options.cursor !== undefined && { after: decodeCursor(options.cursor, order) }),
    ...(options.from !== undefined && { from: options.from }),
    ...(options.to !== undefined && { to: options.to }),
    ...(options.dataFormat !== undefined && { dataFormat: options.dataFormat }),
    ...(options.metadata !== undefined && { metadata: options.metadata }),
    ...(match !== undefined && { match }),
  }
}

export class RecordReader {
  readonly #context: ManagerContext

  constructor(context: ManagerContext) {
    this.#context = context
  }

  async read(namespace: Namespace, id: string, reading: Reading): Promise<StorageRecord | null> {
    const stored = await this.#context.backend.getEntry(namespace, id, reading)
    return stored === undefined ? null : this.load(stored, reading)
  }

  /** One page with data. A record deleted while the page was read is left out. */
  async page(namespace: Namespace, query: EntryQuery, reading: Reading): Promise<Page<StorageRecord>> {
    const page = await this.#context.backend.findEntries(namespace, query, reading)
    const limit = pLimit(PARALLEL_BODIES)
    const records = await limit.map(page.items, (stored) => this.load(stored, reading))
    return { ...page, items: records.filter((record) => record !== null) }
  }

  /** One page without data. */
  async entries(namespace: Namespace, query: EntryQuery, reading: Reading): Promise<Page<StorageRecordInfo>> {
    const page = await this.#context.backend.findEntries(namespace, query, reading)
    return { ...page, items: page.items.map(toRecordInfo) }
  }

  /** Every record, page by page. The listing is as of each page; no record is returned twice. */
  async *iterate(
    namespace: Namespace,
    query: EntryQuery,
    reading: Reading,
  ): AsyncGenerator<StorageRecord, void, undefined> {
    for (let next: EntryQuery | undefined = query; next !== undefined;) {
      const page: Page<StorageRecord> = await this.page(namespace, next, reading)
      yield* page.items
      next =
        page.cursor === undefined ? undefined : { ...query, after: decodeCursor(page.cursor, query.order) }
    }
  }

  /** Every record, oldest first. */
  async readAll(namespace: Namespace, reading: Reading): Promise<StorageRecord[]> {
    const records: StorageRecord[] = []
    const query = { order: 'oldest', limit: ALL_PAGE_SIZE } as const
    for await (const record of this.iterate(namespace, query, reading)) records.push(record)
    return records
  }

  async open(namespace: Namespace, id: string, options: OpenOptions): Promise<OpenedRecord | null> {
    const found = await this.#context.backend.getEntry(namespace, id, options)
    return this.#retryWhenReplaced(found, options, async (stored) => ({
      record: toRecordInfo(stored),
      body: await this.#openBody(stored, options),
    }))
  }

  async *rows(namespace: Namespace, id: string, reading: Reading): AsyncGenerator<unknown, void, undefined> {
    const found = await this.#context.backend.getEntry(namespace, id, reading)
    // Before anything is opened: an opened download must be read.
    if (found !== undefined) assertHasRows(found.entry)
    const opened = await this.#retryWhenReplaced(found, reading, async (stored) => ({
      stored,
      body: await this.#openBody(stored, reading),
    }))
    if (opened === null) throw recordNotFound(id)
    yield* decodeRows(opened.stored.entry, opened.body, this.#context.parquet)
  }

  /** The record behind an entry, or its newer revision; null when it was deleted meanwhile. */
  load(stored: StoredEntry, reading: Reading = { verify: true }): Promise<StorageRecord | null> {
    return this.#retryWhenReplaced(stored, reading, async (current) => {
      const body = await this.#openBody(current, reading)
      const data = await decodeRecord(current.entry, body, this.#context.parquet)
      return { ...toRecordInfo(current), data }
    })
  }

  async #openBody(stored: StoredEntry, options: OpenOptions): Promise<AsyncIterable<Uint8Array>> {
    const body = await this.#context.backend.openBody(stored, options.range)
    return options.verify && options.range === undefined ? verifiedStream(stored.entry, body) : body
  }

  /** A revision can be replaced and removed between reading its entry and its body: start again from the new entry. */
  async #retryWhenReplaced<T>(
    stored: StoredEntry | undefined,
    options: ReadOptions,
    operation: (stored: StoredEntry) => Promise<T>,
  ): Promise<T | null> {
    let current = stored
    for (let tries = 1; current !== undefined; tries++) {
      try {
        return await operation(current)
      } catch (error) {
        if (tries >= MAX_READ_TRIES || !hasErrorCode(error, 'CONFLICT')) throw error
        const { id, module, user_id: userId } = current.entry
        current = await this.#context.backend.getEntry({ module, userId }, id, options)
      }
    }
    return null
  }
}
