import { setImmediate } from 'node:timers/promises'
import { corruptManifest, encodeCursor, InFlight, namespacePath, UmbraError, withRetry } from '@umbra/core'
import type {
  ByteRange,
  Capability,
  Clock,
  IdSource,
  ManifestEntry,
  Namespace,
  ReadOptions,
  ObjectStore,
  RetryContext,
  StorageBackend,
  StoredEntry,
} from '@umbra/core'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import { importEntries } from './bulk/import-entries.ts'
import { importRecords } from './bulk/import-records.ts'
import type { ManifestContext } from './manifest/manifest-context.ts'
import { createMaintenance } from './maintenance/create-maintenance.ts'
import { purgeRecord } from './maintenance/purge-record.ts'
import { findEntries } from './manifest/find-entries.ts'
import { MANIFEST_LIMITS } from './manifest/manifest-limits.ts'
import type { ManifestLimits } from './manifest/manifest-limits.ts'
import { NamespaceManifest } from './manifest/namespace-manifest.ts'
import type { PartCache } from './manifest/part-cache.ts'
import { PROTOCOL_RULES } from './manifest/protocol-rules.ts'
import type { ProtocolRules } from './manifest/protocol-rules.ts'
import type { RunFormat } from './manifest/run-format.ts'
import { readNamespace } from './manifest/read-namespace.ts'
import { createSegmentReader } from './manifest/segment-reader.ts'
import { SnapshotPinBoard } from './manifest/snapshot-pins.ts'
import { assertReachable } from './objects/assert-reachable.ts'
import { createR2BlobStore } from './r2-blob-store.ts'
import { createR2Inventory } from './r2-inventory.ts'
import { createUploadStaging } from './r2-upload-staging.ts'
import type { ObjectLinks } from './r2-upload-staging.ts'

/** Uploads in flight over all namespaces: what the connection pool holds. */
const MAX_UPLOADS = 64

/** Namespaces whose newest manifest is kept in memory; the others are read again when they are used. */
const MAX_NAMESPACES_IN_MEMORY = 1_000

export interface R2BackendParts {
  readonly objects: ObjectStore
  readonly links: ObjectLinks
  /** Least milliseconds between two writes of one head; 0 where the store has no such limit. */
  readonly headIntervalMs: number
  readonly multiWriter: Capability
  readonly clock: Clock
  /** Lets everything happen that can, such as requests leave. Default: a turn of the event loop. */
  readonly nextTurn?: () => Promise<void>
  readonly ids: IdSource
  readonly retry: RetryContext
  /** Default 30,000 ms. */
  readonly commitTimeoutMs?: number
  readonly cache: PartCache
  readonly runs: RunFormat
  /** The bytes of a part on this machine. */
  readonly readFile: (path: string) => Promise<Uint8Array>
  /** Told of upkeep in the background that failed. Default: nobody is. */
  readonly onUpkeepFailure?: (error: unknown) => void
  /** Default: {@link MANIFEST_LIMITS}. */
  readonly limits?: Partial<ManifestLimits>
  /** Default: {@link PROTOCOL_RULES}. Only for showing what breaks without one. */
  readonly rules?: Partial<ProtocolRules>
  /** Frees the connections. */
  close(): Promise<void>
}

/** The backend over any object store with conditional writes. */
export function assembleR2Backend(parts: R2BackendParts): StorageBackend {
  return assembleR2(parts).backend
}

export interface AssembledR2 {
  readonly backend: StorageBackend
  /** See the function of this name. */
  importEntries(namespace: Namespace, entries: AsyncIterable<ManifestEntry>): Promise<number>
}

export function assembleR2(parts: R2BackendParts): AssembledR2 {
  const context = toContext(parts)
  const inFlight = new InFlight()
  const pins = new SnapshotPinBoard(context)
  const manifests = new LRUCache<string, NamespaceManifest>({ max: MAX_NAMESPACES_IN_MEMORY })

  function manifestOf(namespace: Namespace): NamespaceManifest {
    const path = namespacePath(namespace)
    const known = manifests.get(path)
    if (known !== undefined) return known
    const manifest = new NamespaceManifest(namespace, context)
    manifests.set(path, manifest)
    return manifest
  }

  async function entryNow(
    namespace: Namespace,
    id: string,
    options?: ReadOptions,
  ): Promise<ManifestEntry | undefined> {
    const entry = await readNamespace(manifestOf(namespace), { pins, options }, (snapshot) =>
      snapshot.lookupOne(id),
    )
    return entry?.op === 'put' ? entry : undefined
  }

  async function openBody({ entry }: StoredEntry, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    assertOwnKey(entry)
    const found = await withRetry(
      () => context.objects.get(entry.key, range === undefined ? {} : { range }),
      context.retry,
    )
    if (found?.kind === 'found') return found.body
    const current = await entryNow({ module: entry.module, userId: entry.user_id }, entry.id)
    if (current?.key !== entry.key)
      throw new UmbraError('CONFLICT', 'the record changed while it was read; read it again')
    throw new UmbraError(
      'CORRUPT',
      `the manifest refers to an object that is gone; run fsck. key=${entry.key}`,
      {
        details: { key: entry.key },
      },
    )
  }

  const backend: StorageBackend = {
    name: 'r2',
    capabilities: {
      multiWriter: parts.multiWriter,
      presignedDownload: true,
      presignedUpload: true,
      snapshots: true,
      durable: true,
    },
    blobs: createR2BlobStore(context),
    inventory: createR2Inventory(
      context.objects,
      async (namespace, ids) =>
        (await manifestOf(namespace).read((snapshot) => snapshot.lookup(ids))) ?? new Map<string, never>(),
    ),
    uploads: createUploadStaging(context, parts.links),

    async commit(namespace, mutations) {
      const entries = await inFlight.track(manifestOf(namespace).commit(mutations))
      return entries.map(inR2)
    },

    bulk: {
      importRecords: (namespace, records, onCommitted) =>
        inFlight.track(importRecords({ manifest: manifestOf(namespace), records, context }, onCommitted)),
    },

    maintenance: createMaintenance(manifestOf, context),
    purge: (namespace, id) => purgeRecord(manifestOf(namespace), id, context),

    pins: {
      pin: async (namespace) => pins.pin(namespace, await manifestOf(namespace).snapshot()),
      release: (snapshot) => pins.release(snapshot),
    },

    numbered: {
      commitNumbered: (namespace, request) => inFlight.track(manifestOf(namespace).commitNumbered(request)),
    },

    async getEntry(namespace, id, options) {
      const entry = await entryNow(namespace, id, options)
      return entry === undefined ? undefined : inR2(entry)
    },

    async findEntries(namespace, query, options) {
      const found = await readNamespace(manifestOf(namespace), { pins, options }, (snapshot) =>
        findEntries(snapshot, query, context),
      )
      const { entries, more } = found ?? { entries: [], more: false }
      const last = entries.at(-1)
      return {
        items: entries.map(inR2),
        ...(more && last !== undefined && { cursor: encodeCursor(query.order, last) }),
      }
    },

    openBody,
    async presignDownload({ entry }, options) {
      assertOwnKey(entry)
      return parts.links.presignDownload(entry.key, options)
    },

    async health() {
      const startedAt = context.clock.now()
      const failure = await assertReachable(context.objects).then(
        () => undefined,
        (error: unknown) => error,
      )
      const latencyMs = context.clock.now() - startedAt
      if (failure === undefined) return { healthy: true, message: 'r2 answers', latencyMs }
      return {
        healthy: false,
        message: failure instanceof Error ? failure.message : 'r2 does not answer',
        latencyMs,
      }
    },

    async close() {
      await inFlight.settled()
      // What is not finished is tried again by the next process: best effort.
      await Promise.allSettled(Array.from(manifests.values(), (manifest) => manifest.finish()))
      await Promise.allSettled([parts.runs.close(), parts.cache.close()])
      await parts.close()
    },
  }
  return {
    backend,
    importEntries: (namespace, entries) =>
      inFlight.track(importEntries({ manifest: manifestOf(namespace), context }, entries)),
  }
}

function toContext(parts: R2BackendParts): ManifestContext {
  return {
    cache: parts.cache,
    runs: parts.runs,
    segments: createSegmentReader(parts),
    limits: { ...MANIFEST_LIMITS, ...parts.limits },
    rules: { ...PROTOCOL_RULES, ...parts.rules },
    onUpkeepFailure: parts.onUpkeepFailure ?? (() => {}),
    objects: parts.objects,
    uploadLimit: pLimit(MAX_UPLOADS),
    clock: parts.clock,
    nextTurn: parts.nextTurn ?? (() => setImmediate()),
    ids: parts.ids,
    retry: parts.retry,
    headIntervalMs: parts.headIntervalMs,
    commitTimeoutMs: parts.commitTimeoutMs ?? 30_000,
  }
}

/** Checked again at every read and link: a manifest must not lead out of its namespace, however it came to. */
function assertOwnKey(entry: ManifestEntry): void {
  const namespace = { module: entry.module, userId: entry.user_id }
  if (entry.key.startsWith(`${namespacePath(namespace)}/`)) return
  throw corruptManifest(namespace, 'an entry points outside its namespace')
}

function inR2(entry: ManifestEntry): StoredEntry {
  return { entry, storedIn: 'r2', pending: false }
}
