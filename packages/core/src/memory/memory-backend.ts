import { createHash } from 'node:crypto'
import { committedEntry, nextRevision, revisionKey, tombstone } from '../backend/apply-mutation.ts'
import { checkExpectation } from '../backend/check-expectation.ts'
import { encodeCursor } from '../backend/cursor.ts'
import { mutationId } from '../backend/mutation.ts'
import type { Mutation } from '../backend/mutation.ts'
import { selectEntries } from '../backend/select-entries.ts'
import type { StorageBackend, StoredEntry } from '../backend/storage-backend.ts'
import { collectBytes } from '../bodies/collect-bytes.ts'
import { createMemoryBody } from '../bodies/memory-body.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import { createIdSource } from '../id-source.ts'
import { namespacePath } from '../keys/key-paths.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import { createMemoryBlobStore } from './memory-blob-store.ts'
import { createMemoryInventory } from './memory-inventory.ts'

const MISSING = { missing: 'the memory backend is for tests' }

/** The shortest correct backend: documentation of the port, and the oracle the others are compared with. */
export function createMemoryBackend(): StorageBackend {
  const namespaces = new Map<string, Map<string, ManifestEntry>>()
  const bodies = new Map<string, Uint8Array>()
  const ids = createIdSource()
  const blobs = createMemoryBlobStore()

  const entriesOf = (path: string) => namespaces.get(path) ?? new Map<string, ManifestEntry>()
  const found = (entry: ManifestEntry): StoredEntry => ({ entry, storedIn: 'memory', pending: false })

  function apply(
    mutation: Mutation,
    current: ManifestEntry | undefined,
    bytes: Uint8Array | undefined,
  ): ManifestEntry {
    if (mutation.kind === 'delete') {
      if (current === undefined) throw new UmbraError('INTERNAL', 'a deletion was applied to nothing')
      bodies.delete(current.key)
      return tombstone(mutation, current)
    }
    const rev = nextRevision(current, mutation.rev)
    const key = revisionKey(mutation.draft, rev, ids.next(Date.now()))
    if (current !== undefined) bodies.delete(current.key)
    bodies.set(key, bytes ?? new Uint8Array())
    const etag = createHash('md5')
      .update(bytes ?? '')
      .digest('hex')
    return committedEntry(mutation.draft, rev, { key, etag })
  }

  return {
    name: 'memory',
    capabilities: {
      multiWriter: MISSING,
      presignedDownload: MISSING,
      presignedUpload: MISSING,
      snapshots: MISSING,
      durable: MISSING,
    },
    uploads: undefined,
    blobs,
    inventory: createMemoryInventory(namespaces, blobs),

    async commit(namespace, mutations) {
      const path = namespacePath(namespace)
      const bytes = await Promise.all(mutations.map(bodyBytes))
      // From here on nothing waits, so the whole batch is one step.
      const entries = entriesOf(path)
      for (const [index, mutation] of mutations.entries()) {
        const problem = checkExpectation(mutation, entries.get(mutationId(mutation)), index)
        if (problem !== undefined) throw problem
      }
      const committed = mutations.map((mutation, index) =>
        apply(mutation, entries.get(mutationId(mutation)), bytes[index]),
      )
      namespaces.set(path, new Map([...entries, ...committed.map((entry) => [entry.id, entry] as const)]))
      return committed.map(found)
    },

    async getEntry(namespace, id) {
      const entry = entriesOf(namespacePath(namespace)).get(id)
      return entry?.op === 'put' ? found(entry) : undefined
    },

    async findEntries(namespace, query) {
      const { entries, more } = selectEntries(entriesOf(namespacePath(namespace)).values(), query)
      const last = entries.at(-1)
      return {
        items: entries.map(found),
        ...(more && last !== undefined && { cursor: encodeCursor(query.order, last) }),
      }
    },

    async openBody({ entry }, range) {
      const bytes = bodies.get(entry.key)
      if (bytes === undefined)
        throw new UmbraError('CONFLICT', 'the record changed while it was read; read it again')
      return createMemoryBody(bytes).stream(range)
    },

    async presignDownload() {
      throw new UmbraError('UNSUPPORTED', `download links: ${MISSING.missing}`)
    },

    health: async () => ({ healthy: true, message: 'in memory', latencyMs: 0 }),
    close: async () => {},
  }
}

async function bodyBytes(mutation: Mutation): Promise<Uint8Array | undefined> {
  return mutation.kind === 'put' ? collectBytes(mutation.body.stream()) : undefined
}
