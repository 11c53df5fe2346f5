import {
  compareEntries,
  encodeCursor,
  hasErrorCode,
  recordEtag,
  selectEntries,
  UmbraError,
} from '@umbra/core'
import type {
  ByteRange,
  EntryQuery,
  ManifestEntry,
  Namespace,
  Page,
  ReadOptions,
  Staleness,
  StoredEntry,
} from '@umbra/core'
import type { UnseenChange } from '@umbra/sqlite'
import { isClosedToReaders, isRefusal } from './classify-failure.ts'
import { laneOf } from './lane-of.ts'
import type { SendContext } from './send-context.ts'
import { withStaleness } from './with-staleness.ts'

/** Without asking the store. */
export const FROM_MEMORY: ReadOptions = { consistency: { kind: 'bounded', maxAgeMs: Infinity } }

interface Answer<T> {
  readonly value: T
  readonly stale: Staleness | undefined
}

export interface OverlayReads {
  getEntry(namespace: Namespace, id: string, options?: ReadOptions): Promise<StoredEntry | undefined>
  findEntries(namespace: Namespace, query: EntryQuery, options?: ReadOptions): Promise<Page<StoredEntry>>
  openBody(stored: StoredEntry, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>
}

/** What the store says, or last said, with what is pending laid over it. */
export function createOverlayReads(context: SendContext): OverlayReads {
  const { primary, outbox, breaker, lastSeen } = context

  /** Asks the store; while it is away, or refuses our credentials, the version of the namespace that was seen last. */
  async function ask<T>(
    path: string,
    options: ReadOptions | undefined,
    read: (options?: ReadOptions) => Promise<T>,
  ): Promise<Answer<T>> {
    const sighting = lastSeen.look(path)
    try {
      const value = await breaker.run(() => read(options))
      const isNewest = options?.consistency === undefined || options.consistency.kind === 'strong'
      // What is read first is never from memory: whatever fills that is noted.
      if (isNewest || !lastSeen.mayHaveSeen(path)) lastSeen.note(path, sighting)
      return { value, stale: undefined }
    } catch (error) {
      if (!isClosedToReaders(error) || options?.consistency !== undefined) throw error
      const stale = staleness(path)
      const value = await read(FROM_MEMORY).catch((cause: unknown) => {
        if (!hasErrorCode(cause, 'UNAVAILABLE', 'TIMEOUT')) throw cause
        throw isRefusal(error) ? error : notSeen(error)
      })
      return { value, stale }
    }
  }

  function staleness(path: string): Staleness {
    const asOf = lastSeen.at(path)
    const pending = outbox.pendingEntries(path).size
    return { asOf: asOf === undefined ? null : new Date(asOf).toISOString(), pending }
  }

  async function getEntry(namespace: Namespace, id: string, options?: ReadOptions) {
    const { path } = laneOf(namespace)
    if (isPinned(options)) return primary.getEntry(namespace, id, options)
    // Before the store is asked: what is sent meanwhile is then in its answer.
    const pending = pendingChanges(path, id).get(id)
    const answer = await ask(path, options, (how) => primary.getEntry(namespace, id, how)).catch(
      (error: unknown) => {
        // What is pending is known all the same; a reader who asked for more than that must not get it.
        if (pending === undefined || options?.consistency !== undefined || !isClosedToReaders(error))
          throw error
        return { value: undefined, stale: staleness(path) }
      },
    )
    const change = answer.stale === undefined ? pending : unseenOf(path, id, pending)
    return overlay(answer.value, change, answer.stale)
  }

  /** What the version seen last has not, whoever sent it. What is pending is known in any case. */
  function unseenOf(path: string, id: string, pending: UnseenChange | undefined): UnseenChange | undefined {
    const changes = outbox.unseenChanges(path, lastSeen.decidedTo(path), id)
    if (changes === undefined && pending === undefined) throw sentTooMuch()
    return changes === undefined ? pending : changes.get(id)
  }

  /** Nothing that was committed is too old to be kept after the last of all. */
  function pendingChanges(path: string, id?: string): ReadonlyMap<string, UnseenChange> {
    return outbox.unseenChanges(path, Infinity, id) ?? new Map()
  }

  function unseen(path: string): ReadonlyMap<string, UnseenChange> {
    const changes = outbox.unseenChanges(path, lastSeen.decidedTo(path))
    if (changes === undefined) throw sentTooMuch()
    return changes
  }

  async function findEntries(namespace: Namespace, query: EntryQuery, options?: ReadOptions) {
    const { path } = laneOf(namespace)
    if (isPinned(options)) return primary.findEntries(namespace, query, options)
    const pending = pendingChanges(path)
    const answer = await ask(path, options, (how) => primary.findEntries(namespace, query, how))
    const changes = answer.stale === undefined ? pending : unseen(path)
    return overlayPage(answer, changes, query)
  }

  async function openBody(stored: StoredEntry, range?: ByteRange) {
    const { entry } = stored
    const path = laneOf({ module: entry.module, userId: entry.user_id }).path
    if (stored.pending) {
      const body = outbox.openBody(path, entry, range)
      if (body !== undefined) return body
      throw new UmbraError('CONFLICT', 'the record was sent while it was read; read it again')
    }
    try {
      return await breaker.run(() => primary.openBody(stored, range))
    } catch (error) {
      const kept = isClosedToReaders(error) ? outbox.openBody(path, entry, range) : undefined
      if (kept === undefined) throw error
      return kept
    }
  }

  return { getEntry, findEntries, openBody }
}

function isPinned(options: ReadOptions | undefined): boolean {
  return options?.consistency?.kind === 'pinned'
}

export function inOutbox(entry: ManifestEntry): StoredEntry {
  return { entry, storedIn: 'sqlite', pending: true }
}

function withChange({ entry, pending }: UnseenChange, stale: Staleness | undefined): StoredEntry {
  const stored: StoredEntry = pending ? inOutbox(entry) : { entry, storedIn: 'r2', pending: false }
  return withStaleness(stored, stale)
}

function overlay(
  stored: StoredEntry | undefined,
  change: UnseenChange | undefined,
  stale: Staleness | undefined,
): StoredEntry | undefined {
  if (change === undefined || isBehind(change, stored?.entry)) return stored && withStaleness(stored, stale)
  return change.entry.op === 'put' ? withChange(change, stale) : undefined
}

/** Whether the store has the change already, or a later one. */
function isBehind({ entry, over }: UnseenChange, stored: ManifestEntry | undefined): boolean {
  if (stored === undefined || over.includes(stored.sha256)) return false
  return stored.rev > entry.rev || recordEtag(stored) === recordEtag(entry)
}

function overlayPage(
  { value: page, stale }: Answer<Page<StoredEntry>>,
  changes: ReadonlyMap<string, UnseenChange>,
  query: EntryQuery,
): Page<StoredEntry> {
  const stored = new Map(page.items.map((item) => [item.entry.id, item]))
  const changed = new Map([...changes].filter(([id, change]) => !isBehind(change, stored.get(id)?.entry)))
  if (changed.size === 0)
    return withStaleness({ ...page, items: page.items.map((item) => withStaleness(item, stale)) }, stale)
  const last = page.items.at(-1)
  const compare = compareEntries(query.order)
  // What lies beyond a page that has a successor belongs to that one.
  const isWithin = (entry: ManifestEntry) =>
    page.cursor === undefined || last === undefined || compare(entry, last.entry) <= 0
  const entries = Array.from(changed.values(), ({ entry }) => entry)
  const added = selectEntries(entries, { ...query, limit: changed.size })
    .entries.filter(isWithin)
    .flatMap(({ id }) => changed.get(id) ?? [])
    .map((change) => withChange(change, stale))
  const kept = page.items.filter(({ entry }) => !changed.has(entry.id))
  const items = [...kept.map((item) => withStaleness(item, stale)), ...added].sort((a, b) =>
    compare(a.entry, b.entry),
  )
  const shown = items.slice(0, query.limit)
  const end =
    items.length > query.limit ? shown.at(-1)?.entry : page.cursor === undefined ? undefined : last?.entry
  return withStaleness({ items: shown, ...(end && { cursor: encodeCursor(query.order, end) }) }, stale)
}

function notSeen(cause: unknown): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    'the store does not answer, and nothing of this namespace was seen before; try again later',
    { cause },
  )
}

function sentTooMuch(): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    'the store does not answer, and other processes on this outbox have sent more since it was last seen here than the file keeps; try again later',
  )
}
