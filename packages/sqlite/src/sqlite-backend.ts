import { createIdSource, InFlight, recordNotDeleted, systemClock, UmbraError, signLink } from '@umbra/core'
import type {
  BackendHealth,
  BaseVersions,
  BlobStore,
  ByteRange,
  Clock,
  EntryQuery,
  IdSource,
  Mutation,
  Namespace,
  Page,
  PresignDownloadOptions,
  StorageBackend,
  StorageCapabilities,
  StoredEntry,
  StoreInventory,
  LinkSettings,
} from '@umbra/core'
import { applyMutations } from './apply-mutations.ts'
import type { PreparedMutation } from './apply-mutations.ts'
import { closeDatabase } from './close-database.ts'
import { createBodyStore } from './body-store.ts'
import type { BodyStore } from './body-store.ts'
import { checkHealth } from './check-health.ts'
import { eventLoopTurn } from './event-loop-turn.ts'
import { createFileWiper } from './file-wiper.ts'
import { findEntries } from './find-entries.ts'
import { createGroupTransaction } from './group-transaction.ts'
import type { GroupTransaction } from './group-transaction.ts'
import { openDatabase } from './open-database.ts'
import type { OpenDatabase } from './open-database.ts'
import { toEntry, toStored } from './record-row.ts'
import { prepareRecordStatements } from './record-statements.ts'
import type { RecordStatements } from './record-statements.ts'
import { createSqliteBaseVersions } from './sqlite-base-versions.ts'
import { createSqliteBlobStore } from './sqlite-blob-store.ts'
import { translated } from './sqlite-error.ts'
import { createSqliteInventory } from './sqlite-inventory.ts'
import { DEFAULT_BUSY_TIMEOUT_MS } from './sqlite-settings.ts'
import type { SqliteSettings } from './sqlite-settings.ts'

export interface SqliteComponents {
  /** Default: the system's clock. */
  readonly clock?: Clock
  /** Default: ULIDs. */
  readonly ids?: IdSource
}

const NO_LINKS = 'set UMBRA_SIGNING_SECRET and UMBRA_PUBLIC_URL to get download links from the sqlite backend'
const NO_SNAPSHOTS = 'sqlite keeps one version of a namespace; use R2'
const NO_UPLOADS =
  'the sqlite backend has no upload links; send the bytes with storeData, or use the r2 backend'

/**
 * Records in one SQLite file, which several processes may share.
 *
 * @throws `CONFIGURATION` when the file cannot be opened or written or is of a newer version, `CORRUPT` when it is no
 * database or damaged.
 */
export async function createSqliteBackend(
  settings: SqliteSettings,
  components: SqliteComponents = {},
): Promise<StorageBackend> {
  const { clock = systemClock, ids = createIdSource() } = components
  const database = await openDatabase(settings, clock)
  const backend = new SqliteBackend(database, settings, { clock, ids })
  await backend.sweep()
  return backend
}

class SqliteBackend implements StorageBackend {
  readonly name = 'sqlite'
  readonly uploads = undefined
  readonly capabilities: StorageCapabilities
  readonly blobs: BlobStore
  readonly bases: BaseVersions
  readonly inventory: StoreInventory
  readonly #database: OpenDatabase
  readonly #links: LinkSettings | undefined
  readonly #components: Required<SqliteComponents>
  readonly #writes: GroupTransaction
  readonly #statements: RecordStatements
  readonly #bodies: BodyStore
  readonly #wipeFile: () => Promise<void>
  readonly #running = new InFlight()
  #closing: Promise<void> | undefined

  constructor(database: OpenDatabase, settings: SqliteSettings, components: Required<SqliteComponents>) {
    this.#database = database
    this.#links = settings.links
    this.#components = components
    const locking = {
      busyTimeoutMs: settings.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS,
      clock: components.clock,
    }
    this.#writes = createGroupTransaction(database.connection, locking)
    this.#wipeFile = createFileWiper(database.connection, locking)
    this.#statements = prepareRecordStatements(database.db)
    this.#bodies = createBodyStore(database.db, this.#writes, components.clock)
    this.blobs = createSqliteBlobStore(database.db, this.#writes)
    this.bases = createSqliteBaseVersions(this.#statements, this.#writes)
    this.inventory = createSqliteInventory(database.db)
    this.capabilities = {
      multiWriter: true,
      presignedDownload: settings.links === undefined ? { missing: NO_LINKS } : true,
      presignedUpload: { missing: NO_UPLOADS },
      snapshots: { missing: NO_SNAPSHOTS },
      durable: true,
    }
  }

  /** Removes what crashed processes left behind. */
  sweep(): Promise<void> {
    return this.#bodies.sweep()
  }

  async commit(namespace: Namespace, mutations: readonly Mutation[]): Promise<readonly StoredEntry[]> {
    this.#assertOpen()
    return this.#running.track(this.#commit(namespace, mutations))
  }

  async purge(namespace: Namespace, id: string): Promise<void> {
    this.#assertOpen()
    return this.#running.track(this.#purge(namespace, id))
  }

  async getEntry(namespace: Namespace, id: string): Promise<StoredEntry | undefined> {
    await this.#turn()
    const row = this.#findRow(namespace, id)
    return row?.op === 'put' ? toStored(toEntry(row, namespace)) : undefined
  }

  async findEntries(namespace: Namespace, query: EntryQuery): Promise<Page<StoredEntry>> {
    await this.#turn()
    return translated(() => findEntries(this.#database.db, this.#statements, namespace, query))
  }

  async openBody({ entry }: StoredEntry, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    // No turn here: between an entry and its body nothing should come that replaces both.
    this.#assertOpen()
    return this.#bodies.open(entry, range)
  }

  async presignDownload({ entry }: StoredEntry, options: PresignDownloadOptions): Promise<string> {
    if (this.#links === undefined) throw new UmbraError('UNSUPPORTED', NO_LINKS)
    const { expiresInSeconds, ...headers } = options
    const expiresAt = this.#components.clock.now() + expiresInSeconds * 1000
    return signLink(this.#links, { key: entry.key, expiresAt, ...headers })
  }

  async health(): Promise<BackendHealth> {
    this.#assertOpen()
    return checkHealth(this.#database.connection, this.#components.clock)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #commit(namespace: Namespace, mutations: readonly Mutation[]): Promise<readonly StoredEntry[]> {
    const prepared: PreparedMutation[] = []
    try {
      for (const mutation of mutations) {
        const body = mutation.kind === 'put' ? await this.#bodies.prepare(mutation.body) : undefined
        prepared.push({ mutation, body })
      }
      const context = { statements: this.#statements, bodies: this.#bodies, ...this.#components }
      const entries = await this.#writes.run(() => applyMutations(context, namespace, prepared))
      return entries.map(toStored)
    } catch (error) {
      await this.#discard(prepared)
      throw error
    }
  }

  /** Best effort: what cannot be removed now is swept later, and the caller needs to hear of the first failure. */
  async #discard(prepared: readonly PreparedMutation[]): Promise<void> {
    await Promise.allSettled(prepared.map(async ({ body }) => body && this.#bodies.discard(body)))
  }

  async #purge(namespace: Namespace, id: string): Promise<void> {
    const row = this.#findRow(namespace, id)
    if (row?.op === 'put') throw recordNotDeleted(id)
    // A deleted record keeps its row, so without one there never was any.
    if (row === undefined) return
    await this.bases.edit(namespace, [id], ({ entry }) => (entry.op === 'del' ? [] : undefined))
    await this.#wipeFile()
  }

  #findRow({ module, userId }: Namespace, id: string) {
    return translated(() => this.#statements.findEntry.get({ module, userId, id }))
  }

  async #close(): Promise<void> {
    // The empty write is answered after everything that was queued before it, blobs too.
    await Promise.allSettled([this.#running.settled(), this.#writes.run(() => undefined)])
    closeDatabase(this.#database.connection)
  }

  /** Every search for entries begins here. */
  async #turn(): Promise<void> {
    await eventLoopTurn()
    this.#assertOpen()
  }

  #assertOpen(): void {
    if (this.#closing !== undefined)
      throw new UmbraError('INVALID_INPUT', 'the storage is closed; open it again')
  }
}
