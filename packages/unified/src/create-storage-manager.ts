import { manageBackend } from '@umbra/core'
import type { ManagerComponents, StorageBackend, StorageManager, StorageSettings } from '@umbra/core'
import { createHybridBackend } from './hybrid/hybrid-backend.ts'
import { createLazyParquetCodec } from './lazy-parquet-codec.ts'

/**
 * Opens the storage that `settings` describe. Loads only the code of the backend it uses.
 *
 * @throws what opening a backend throws: `CONFIGURATION`, `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `FORBIDDEN`,
 * `UNSUPPORTED` (the store ignores conditional writes) or `CORRUPT` (the database is damaged).
 */
export async function createStorageManager(
  settings: StorageSettings,
  components: ManagerComponents = {},
): Promise<StorageManager> {
  const backend = await openBackend(settings, components)
  return manageBackend(backend, { parquet: createLazyParquetCodec(), ...components })
}

async function openBackend(
  settings: StorageSettings,
  components: ManagerComponents,
): Promise<StorageBackend> {
  switch (settings.backend) {
    case 'sqlite':
      return openSqlite(settings, components)
    case 'r2':
      return openR2(settings, components)
    case 'hybrid': {
      const secondary = await openSqlite(settings, components)
      try {
        return createHybridBackend({ primary: await openR2(settings, components), secondary })
      } catch (error) {
        await secondary.close()
        throw error
      }
    }
    default:
      return settings satisfies never
  }
}

async function openSqlite(
  { sqlite }: StorageSettings,
  { clock, ids }: ManagerComponents,
): Promise<StorageBackend> {
  const { createSqliteBackend } = await import('@umbra/sqlite')
  return createSqliteBackend(sqlite, { ...(clock && { clock }), ...(ids && { ids }) })
}

async function openR2(
  { r2, cache }: Extract<StorageSettings, { r2: unknown }>,
  { clock, ids }: ManagerComponents,
): Promise<StorageBackend> {
  const { createR2Backend } = await import('@umbra/r2')
  // The secret is not enumerable, so that it is in no copy made by accident.
  const { secretAccessKey } = r2
  return createR2Backend({ ...r2, secretAccessKey, cache }, { ...(clock && { clock }), ...(ids && { ids }) })
}
