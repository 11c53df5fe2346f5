import { join } from 'node:path'
import { manageBackend, parseSettings, UmbraError } from '@umbra/core'
import type { StorageBackend, StoredEntry } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { expect, vi } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { createLazyParquetCodec } from '../lazy-parquet-codec.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { verifyMigration } from '../migration/verify-migration.ts'
import { createReopeningBackend } from '../outbox/reopening-backend.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

// At the end everything the suite wrote is sent at once, its largest bodies too.
vi.setConfig({ hookTimeout: 180_000 })

/**
 * Without what the suite knows nothing of: that a store may be away, so that writes wait, answers may be out of date, and
 * what goes past the outbox (imports at once, purges) is refused.
 */
function asIfStored(backend: StorageBackend, like: StorageBackend): StorageBackend {
  const originals = new WeakMap<StoredEntry, StoredEntry>()
  const settled = (stored: StoredEntry): StoredEntry => {
    const { stale: _stale, ...rest } = stored
    const shown = { ...rest, pending: false }
    originals.set(shown, stored)
    return shown
  }
  const { blobs } = backend
  const { pendingWrites: _pendingWrites, bulk: _bulk, ...rest } = backend
  delete rest.purge
  return {
    ...rest,
    capabilities: { ...like.capabilities, snapshots: backend.capabilities.snapshots },
    uploads: like.uploads,
    presignDownload: (stored, options) => like.presignDownload(stored, options),
    health: async () => ({ ...(await backend.health()), healthy: true }),
    blobs: {
      async get(path) {
        const found = await blobs.get(path)
        if (found === undefined) return undefined
        const { bytes, etag, size } = found
        return { bytes, etag, size }
      },
      delete: (path, condition) => blobs.delete(path, condition),
      async put(path, bytes, condition) {
        const { etag, size } = await blobs.put(path, bytes, condition)
        return { etag, size }
      },
    },
    commit: async (...about) => (await backend.commit(...about)).map(settled),
    async getEntry(namespace, id) {
      const stored = await backend.getEntry(namespace, id)
      return stored && settled(stored)
    },
    async findEntries(namespace, query) {
      const { stale: _stale, ...page } = await backend.findEntries(namespace, query)
      return { ...page, items: page.items.map(settled) }
    },
    openBody: (stored, range) => backend.openBody(originals.get(stored) ?? stored, range),
  }
}

describeBackend('hybrid whose R2 is away, and gets everything at the end,', {
  async create() {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    const path = join(folder.path, 'umbra.sqlite')
    const env = { ...toEnvironment(server), STORAGE_BACKEND: 'hybrid', SQLITE_PATH: path }
    const awayBecause = new UmbraError('UNAVAILABLE', 'r2 is away')
    return {
      async connect() {
        const secondary = await createSqliteBackend({ path })
        const { capabilities } = secondary
        const primary = createReopeningBackend(() => Promise.reject(awayBecause), {
          name: 'r2',
          capabilities,
        })
        const outbox = await openOutbox({ path })
        const hybrid = createHybridWithOutbox({ primary, secondary, outbox, awayBecause })
        return manageBackend(asIfStored(hybrid, secondary), { parquet: createLazyParquetCodec() })
      },
      async destroy() {
        const storage = await createStorageManager(parseSettings(env), { outbox: { recoveryJitterMs: 0 } })
        const [r2, sqlite] = [await createR2Backend(server.settings), await createSqliteBackend({ path })]
        expect(await storage.sync({ timeoutMs: 150_000 })).toEqual({ pending: 0 })
        expect(await storage.conflicts()).toEqual([])
        const { namespaces, equal } = await verifyMigration(r2, sqlite)
        expect(namespaces.length).toBeGreaterThan(50)
        expect(equal).toBe(true)
        await Promise.all([storage.close(), r2.close(), sqlite.close()])
        await server.close()
        await folder.remove()
      },
    }
  },
})
