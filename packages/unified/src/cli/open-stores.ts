import { createMemoryBackend, manageBackend, parseSettings, UmbraError } from '@umbra/core'
import type { Clock, Environment, ObjectStore, StorageManager, StorageSettings } from '@umbra/core'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { noteBucket } from '../hybrid/hybrid-bucket.ts'
import { createLazyParquetCodec } from '../lazy-parquet-codec.ts'
import { assertListed } from '../migration/migration-context.ts'
import type { ListedBackend } from '../migration/migration-context.ts'
import { fileExists } from './file-exists.ts'

export type StoreName = 'sqlite' | 'r2'

export interface OpenStoreOptions {
  /** Nothing will be written: a missing database counts as an empty one, and R2 is not probed. */
  readonly readOnly?: boolean
  /** The store must be there already. */
  readonly mustExist?: boolean
  readonly decorate?: (objects: ObjectStore) => ObjectStore
  /** By which R2 says what is over its grace. */
  readonly clock?: Clock
}

/** Settings for both stores, whichever of them the application uses. */
export function bothStores(env: Environment): Extract<StorageSettings, { r2: unknown }> {
  const settings = parseSettings({ ...env, STORAGE_BACKEND: 'hybrid', FEATURE_R2_STORAGE: 'true' })
  if (settings.backend === 'sqlite') throw new UmbraError('INTERNAL', 'hybrid settings have no bucket')
  return settings
}

/** The stores the environment's backend keeps its data in, the deciding one first. */
export function storesInUse({ backend }: StorageSettings): readonly StoreName[] {
  return backend === 'hybrid' ? ['r2', 'sqlite'] : [backend]
}

export async function openStore(
  name: StoreName,
  settings: StorageSettings,
  options: OpenStoreOptions = {},
): Promise<ListedBackend> {
  if (name === 'sqlite') return openSqlite(settings.sqlite.path, options)
  if (settings.backend === 'sqlite') throw new UmbraError('CONFIGURATION', 'r2 is not configured')
  const { createR2Backend } = await import('@umbra/r2')
  const { clock, decorate, readOnly = false } = options
  // The probe writes, and what it proves matters to writers alone.
  const backend = await createR2Backend(
    {
      ...settings.r2,
      secretAccessKey: settings.r2.secretAccessKey,
      cache: settings.cache,
      ...(readOnly && { singleWriter: true as const }),
    },
    { ...(decorate && { decorate }), ...(clock && { clock }) },
  )
  return assertListed(backend)
}

async function openSqlite(path: string, { mustExist, readOnly }: OpenStoreOptions): Promise<ListedBackend> {
  const exists = await fileExists(path)
  if (!exists && mustExist === true) {
    throw new UmbraError('CONFIGURATION', `there is no database at SQLITE_PATH. path=${path}`)
  }
  if (!exists && readOnly === true) return assertListed(createMemoryBackend())
  const { createSqliteBackend } = await import('@umbra/sqlite')
  return assertListed(await createSqliteBackend({ path }))
}

/** The storage calls as the application has them, without falling back to another backend. */
export async function withStorage<T>(
  env: Environment,
  use: (storage: StorageManager) => Promise<T>,
): Promise<T> {
  const settings = parseSettings(env)
  const [first, second] = await openAll(storesInUse(settings), settings, {})
  if (first === undefined) throw new UmbraError('INTERNAL', 'there is no store')
  const backend = second === undefined ? first : createHybridBackend({ primary: first, secondary: second })
  const storage = manageBackend(backend, { parquet: createLazyParquetCodec() })
  try {
    if (second !== undefined && settings.backend === 'hybrid') await noteBucket(second, settings.r2)
    return await use(storage)
  } finally {
    await storage.close()
  }
}

/** Opens stores, hands them over, and closes them however that ends. */
export async function withStores<T>(
  names: readonly StoreName[],
  settings: StorageSettings,
  use: (stores: readonly ListedBackend[]) => Promise<T>,
  options: OpenStoreOptions = {},
): Promise<T> {
  const stores = await openAll(names, settings, options)
  try {
    return await use(stores)
  } finally {
    await Promise.allSettled(stores.map((store) => store.close()))
  }
}

async function openAll(
  names: readonly StoreName[],
  settings: StorageSettings,
  options: OpenStoreOptions,
): Promise<readonly ListedBackend[]> {
  const opened: ListedBackend[] = []
  try {
    for (const name of names) opened.push(await openStore(name, settings, options))
    return opened
  } catch (error) {
    await Promise.allSettled(opened.map((store) => store.close()))
    throw error
  }
}
