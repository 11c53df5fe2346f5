import { manageBackend } from '@umbra/core'
import type { ManifestEntry, StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { createHybridBackend } from './hybrid-backend.ts'

export interface HybridUnderTest {
  readonly primary: StorageBackend
  readonly secondary: StorageBackend
  readonly hybrid: StorageManager
  /** The two parts as an application on that backend alone would see them. */
  readonly onR2: StorageManager
  readonly onSqlite: StorageManager
  close(): Promise<void>
}

export interface Disturbances {
  primary?(backend: StorageBackend): StorageBackend
  secondary?(backend: StorageBackend): StorageBackend
}

/** A hybrid without an outbox over a real server and a real database file, as one process would hold it. */
export async function openHybrid(
  server: LocalR2,
  sqlitePath: string,
  disturb: Disturbances = {},
): Promise<HybridUnderTest> {
  const retry = { maxAttempts: 2, baseDelayMs: 5, maxDelayMs: 10 }
  const primary = await createR2Backend(server.settings, { retry })
  const secondary = await createSqliteBackend({ path: sqlitePath, durability: 'relaxed' })
  const hybrid = manageBackend(
    createHybridBackend({
      primary: disturb.primary?.(primary) ?? primary,
      secondary: disturb.secondary?.(secondary) ?? secondary,
    }),
  )
  return {
    primary,
    secondary,
    hybrid,
    onR2: manageBackend(primary),
    onSqlite: manageBackend(secondary),
    close: () => hybrid.close(),
  }
}

/** Every live entry of a namespace's user `u`, without what each backend calls its object. */
export async function entriesOf(backend: StorageBackend, module: string) {
  const page = await backend.findEntries({ module, userId: 'u' }, { order: 'oldest', limit: 1_000 })
  return page.items.map(({ entry }) => portable(entry))
}

function portable({ key: _key, etag: _etag, ...entry }: ManifestEntry) {
  return entry
}
