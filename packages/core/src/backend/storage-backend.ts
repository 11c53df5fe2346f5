import type { ByteRange } from '../bodies/record-body.ts'
import type { Page } from '../page.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { Namespace } from '../records/namespace.ts'
import type { StorageLocation } from '../records/storage-record.ts'
import type { Staleness } from '../staleness.ts'
import type { BaseVersions } from './base-versions.ts'
import type { BulkImport } from './bulk-import.ts'
import type { BlobStore } from './blob-store.ts'
import type { StorageCapabilities } from './capabilities.ts'
import type { ReadOptions, SnapshotPins } from './consistency.ts'
import type { EntryQuery } from './entry-query.ts'
import type { Mutation } from './mutation.ts'
import type { NamespaceMaintenance } from './namespace-maintenance.ts'
import type { NumberedCommits } from './numbered-commits.ts'
import type { OutboxHealth, PendingWrites } from './pending-writes.ts'
import type { StoreInventory } from './store-inventory.ts'
import type { UploadStaging } from './upload-staging.ts'

export type BackendName = 'memory' | 'r2' | 'sqlite' | 'hybrid'

/** An entry and where it was found. */
export interface StoredEntry {
  readonly entry: ManifestEntry
  readonly storedIn: StorageLocation
  readonly pending: boolean
  /** Present when the store could not be asked, so this may be out of date. */
  readonly stale?: Staleness
}

export interface PresignDownloadOptions {
  /** Seconds, 1 to 604,800. */
  readonly expiresInSeconds: number
  /** Sent back as `Content-Disposition: attachment` with this name. */
  readonly downloadAs?: string
  /** Sent back as `Content-Type`. */
  readonly contentType?: string
}

export interface BackendHealth {
  readonly healthy: boolean
  /** One line for a person; never a secret. */
  readonly message: string
  /** Milliseconds the check took. */
  readonly latencyMs: number
  /** Present when the backend keeps writes while its store is away. */
  readonly outbox?: OutboxHealth
}

/**
 * What a place to keep records must do. Inputs are already validated and encoded by the storage manager;
 * a backend stores entries and bytes, and decides conflicts. Every failure is an `UmbraError`.
 */
export interface StorageBackend {
  readonly name: BackendName
  readonly capabilities: StorageCapabilities

  /**
   * Applies all mutations of one namespace, or none. Resolves to the committed entries in the order of the
   * mutations once they are durable and visible to every later read of every process. Rejects with
   * `ALREADY_EXISTS` (`absent` does not hold), `NOT_FOUND` (an `etag` was expected, the record is gone) or
   * `PRECONDITION_FAILED` (another etag; `details.currentEtag`) when proved not applied, and with
   * `OUTCOME_PENDING` when that cannot be known yet. `details.index` names the failing mutation. No two
   * mutations of one call share an id.
   */
  commit(namespace: Namespace, mutations: readonly Mutation[]): Promise<readonly StoredEntry[]>

  /** The live entry as of a moment during this call (see `ReadOptions` for others), or undefined when there is none. */
  getEntry(namespace: Namespace, id: string, options?: ReadOptions): Promise<StoredEntry | undefined>

  /** One page of live entries as of one moment during this call (see `ReadOptions` for others). */
  findEntries(namespace: Namespace, query: EntryQuery, options?: ReadOptions): Promise<Page<StoredEntry>>

  /**
   * The body of this very revision, or a range of it. Rejects with `CONFLICT` when the revision was replaced
   * and removed since the entry was read (read the entry again), `CORRUPT` when a current body is missing.
   */
  openBody(stored: StoredEntry, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>

  /** A link that downloads this revision with a plain GET. Rejects with `UNSUPPORTED` without the capability. */
  presignDownload(stored: StoredEntry, options: PresignDownloadOptions): Promise<string>

  readonly blobs: BlobStore

  /** Commits of writers that number their own operations; undefined where there is no need for them. */
  readonly numbered?: NumberedCommits

  /** Present where many new records can be stored faster than by commits. */
  readonly bulk?: BulkImport

  /** Present exactly when the backend has the `snapshots` capability. */
  readonly pins?: SnapshotPins

  /**
   * Removes what is left of a record that was deleted, at once: the contents of all its revisions and whatever describes them. In R2
   * those are bodies and the lines of the manifest's parts, so readers of older versions may have to start again; copies of parts
   * that were replaced before, or are in the caches of other machines, go when they are evicted. A SQLite file is written anew.
   * Undefined where a deletion leaves nothing.
   *
   * @throws `UNAVAILABLE` when something is left: to be repeated. `CONFLICT` when the record is there (again).
   */
  purge?(namespace: Namespace, id: string): Promise<void>

  /** Present where namespaces have a manifest to look after. */
  readonly maintenance?: NamespaceMaintenance

  /** Writes that wait for the store; undefined where a write is done when it resolves. */
  readonly pendingWrites?: PendingWrites

  /** Present exactly when the backend has the `presignedUpload` capability. */
  readonly uploads: UploadStaging | undefined

  /** Present where records of another backend can be copied to. */
  readonly bases?: BaseVersions

  /** Undefined when the backend cannot say what it holds in all. */
  readonly inventory?: StoreInventory

  health(): Promise<BackendHealth>

  /** Waits for running commits, then frees everything. Safe to call twice. */
  close(): Promise<void>
}
