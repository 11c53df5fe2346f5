import {
  ANY_AGE,
  createMemoryBackend,
  encodeCursor,
  isUmbraError,
  namespacePath,
  rollHash,
  selectEntries,
  UmbraError,
} from '@umbra/core'
import type {
  BulkImport,
  ManifestEntry,
  Namespace,
  NumberedOutcome,
  NumberedRequest,
  PutMutation,
  ReadOptions,
  StorageBackend,
} from '@umbra/core'

/** What becomes of one request. `lost`: it is applied, and the answer does not arrive. */
export type Fate = 'ok' | 'down' | 'lost' | 'forbidden'

interface Counted {
  readonly n: number
  readonly h: string
  readonly skipped: readonly number[]
}

export interface FakeStore {
  /** The store as another client sees it, without faults. */
  readonly direct: StorageBackend
  /** A client whose requests meet the fates in turn, then `usually`; none arrives while its own link is cut. */
  client(link?: { readonly isCut: boolean }): StorageBackend
  readonly fates: Fate[]
  usually: Fate
  /** Records whose ids begin with this are refused as too large. */
  poison: string | undefined
  /** Every operation applied, by its id, in order. */
  readonly applied: string[]
  /** Whether the store looks at how far a writer's operations are decided. Off only to show what that is for. */
  looksAtWatermarks: boolean
  forgetWriters(): void
}

/** A store with the contract of numbered commits, in memory, that fails as told. */
export function createFakeStore(): FakeStore {
  const memory = createMemoryBackend()
  const counts = new Map<string, Counted>()
  const store: FakeStore = {
    direct: memory,
    client,
    fates: [],
    usually: 'ok',
    poison: undefined,
    applied: [],
    looksAtWatermarks: true,
    forgetWriters: () => counts.clear(),
  }

  /** Runs a request as its fate wants it. */
  async function request<T>(run: () => Promise<T>): Promise<T> {
    await new Promise((resolve) => setImmediate(resolve))
    const fate = store.fates.shift() ?? store.usually
    if (fate === 'down') throw new UmbraError('UNAVAILABLE', 'the fake is down')
    if (fate === 'forbidden') throw new UmbraError('FORBIDDEN', 'the fake refuses the credentials')
    const result = await run()
    if (fate === 'lost') throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
    return result
  }

  async function commitNumbered(namespace: Namespace, { writer, mark, operations }: NumberedRequest) {
    for (const { mutations } of operations)
      for (const mutation of mutations)
        if (
          store.poison !== undefined &&
          mutation.kind === 'put' &&
          mutation.draft.id.startsWith(store.poison)
        )
          throw new UmbraError('TOO_LARGE', 'the fake refuses the size')
    const key = `${namespacePath(namespace)} ${writer}`
    const found = store.looksAtWatermarks ? counts.get(key) : undefined
    if (found === undefined && mark !== undefined && store.looksAtWatermarks)
      throw conflict('writer-forgotten')
    const before = operations.filter(({ n }) => n <= (found?.n ?? 0))
    let h = before.reduce((hash, { opId }) => rollHash(hash, opId), mark?.h ?? '')
    if (found !== undefined && h !== found.h) throw conflict('writer-cloned')
    const outcomes: NumberedOutcome[] = before.map(({ n }) =>
      found?.skipped.includes(n) === true
        ? { kind: 'rejected', error: undefined }
        : { kind: 'committed', entries: undefined },
    )
    const skipped: number[] = []
    let { n } = found ?? mark ?? { n: 0 }
    // As R2's backend does: what follows is sent again by a caller who knows what became of these.
    for (const operation of before.length > 0 ? [] : operations) {
      const outcome = await apply(namespace, operation)
      if (outcome.kind === 'rejected') skipped.push(operation.n)
      outcomes.push(outcome)
      ;({ n } = operation)
      h = rollHash(h, operation.opId)
    }
    if (n > 0 && before.length === 0) counts.set(key, { n, h, skipped })
    return { outcomes, mark: n > 0 ? { n, h } : undefined }
  }

  /** One commit of everything. */
  async function importAll(...[namespace, records, note]: Parameters<BulkImport['importRecords']>) {
    const all: PutMutation[] = []
    for await (const record of records) all.push(record)
    const stored = await memory.commit(namespace, all)
    store.applied.push(`import of ${stored.length}`)
    note(stored.length)
  }

  async function apply(
    namespace: Namespace,
    { opId, mutations }: NumberedRequest['operations'][number],
  ): Promise<NumberedOutcome> {
    try {
      const stored = await memory.commit(namespace, mutations)
      store.applied.push(opId)
      return { kind: 'committed', entries: stored.map(({ entry }) => entry) }
    } catch (error) {
      if (!isUmbraError(error)) throw error
      return { kind: 'rejected', error }
    }
  }

  function client(link = { isCut: false }): StorageBackend {
    const seen = new Map<string, readonly ManifestEntry[]>()
    const send = <T>(run: () => Promise<T>): Promise<T> => {
      if (link.isCut) return Promise.reject(new UmbraError('UNAVAILABLE', 'the link to the fake is cut'))
      return request(run)
    }
    const look = async (namespace: Namespace) => {
      const page = await memory.findEntries(namespace, { order: 'oldest', limit: 10_000 })
      seen.set(
        namespacePath(namespace),
        page.items.map(({ entry }) => entry),
      )
    }
    const last = (namespace: Namespace): readonly ManifestEntry[] => {
      const entries = seen.get(namespacePath(namespace))
      if (entries === undefined) throw new UmbraError('UNAVAILABLE', 'nothing was seen before')
      return entries
    }
    const isFromMemory = (namespace: Namespace, { consistency }: ReadOptions = {}) => {
      if (consistency?.kind !== 'bounded' || consistency.maxAgeMs < ANY_AGE) return false
      return consistency.maxAgeMs === Infinity || seen.has(namespacePath(namespace))
    }
    const inStore = (entry: ManifestEntry) => ({ entry, storedIn: 'r2', pending: false }) as const
    return {
      ...memory,
      name: 'r2',
      numbered: {
        async commitNumbered(namespace, about) {
          const result = await send(() => commitNumbered(namespace, about))
          await look(namespace)
          return result
        },
      },
      async getEntry(namespace, id, options) {
        if (!isFromMemory(namespace, options)) await send(() => look(namespace))
        const entry = last(namespace).find((one) => one.id === id)
        return entry && inStore(entry)
      },
      async findEntries(namespace, query, options) {
        if (!isFromMemory(namespace, options)) await send(() => look(namespace))
        const { entries, more } = selectEntries(last(namespace), query)
        const end = entries.at(-1)
        return {
          items: entries.map(inStore),
          ...(more && end && { cursor: encodeCursor(query.order, end) }),
        }
      },
      bulk: { importRecords: (...about) => send(() => importAll(...about)) },
      openBody: (...about) => send(() => memory.openBody(...about)),
      async health() {
        const isAway = link.isCut || store.usually === 'down'
        return isAway ? { healthy: false, message: 'the fake is down', latencyMs: 0 } : memory.health()
      },
      blobs: {
        put: (...about) => send(() => memory.blobs.put(...about)),
        get: (...about) => send(() => memory.blobs.get(...about)),
        delete: (...about) => send(() => memory.blobs.delete(...about)),
        newest: (path) => send(async () => memory.blobs.newest?.(path)),
      },
    }
  }

  return store
}

function conflict(reason: string): UmbraError {
  return new UmbraError('CONFLICT', reason, { details: { reason } })
}
