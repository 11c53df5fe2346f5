import { hasErrorCode, manageBackend } from '@umbra/core'
import type {
  ManagerComponents,
  StorageBackend,
  StorageCapabilities,
  StorageManager,
  StorageSettings,
  UmbraError,
} from '@umbra/core'
import { createHybridBackend } from './hybrid/hybrid-backend.ts'
import { noteBucket } from './hybrid/hybrid-bucket.ts'
import type { Outbox } from '@umbra/sqlite'
import type { OutboxParts } from './outbox/outbox-backend.ts'
import { parseOutboxOptions } from './outbox/parse-outbox-options.ts'
import type { OutboxOptions } from './outbox/parse-outbox-options.ts'
import { createLazyParquetCodec } from './lazy-parquet-codec.ts'

/**
 * Opens the storage that `settings` describe. Loads only the code of the backend it uses.
 *
 * @throws what opening a backend throws: `CONFIGURATION`, `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `FORBIDDEN`,
 * `UNSUPPORTED` (the store ignores conditional writes) or `CORRUPT` (the database is damaged); `INVALID_INPUT` for outbox
 * options that make no sense.
 */
export async function createStorageManager(
  settings: StorageSettings,
  components: UnifiedComponents = {},
): Promise<StorageManager> {
  const backend = await openBackend(settings, components)
  return manageBackend(backend, { parquet: createLazyParquetCodec(), ...components })
}

export interface UnifiedComponents extends ManagerComponents {
  /**
   * How writes are kept while R2 cannot be reached, in the database at `SQLITE_PATH`; for `r2` and `hybrid`. `false`: not at
   * all, so such a write rejects with `UNAVAILABLE` or `OUTCOME_PENDING`, and so does opening. Settings that say no
   * (`UMBRA_OUTBOX=off`) are not overruled by what is given here.
   */
  readonly outbox?: false | OutboxOptions
}

async function openBackend(
  settings: StorageSettings,
  components: UnifiedComponents,
): Promise<StorageBackend> {
  switch (settings.backend) {
    case 'sqlite':
      return openSqlite(settings, components)
    case 'r2':
      return openR2Side(settings, components)
    case 'hybrid': {
      const secondary = await openSqlite(settings, components)
      try {
        return await openR2Side(settings, components, secondary)
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

async function openR2({ r2, cache }: R2Settings, { clock, ids }: ManagerComponents): Promise<StorageBackend> {
  const { createR2Backend } = await import('@umbra/r2')
  // The secret is not enumerable, so that it is in no copy made by accident.
  const { secretAccessKey } = r2
  return createR2Backend({ ...r2, secretAccessKey, cache }, { ...(clock && { clock }), ...(ids && { ids }) })
}

/**
 * Whether to open without R2. Credentials that were never accepted are a mistake to hear of at once; those that were may be
 * refused for a while, in an incident or while a change of theirs spreads.
 */
function mayComeBack(error: unknown, outbox: Outbox): error is UmbraError {
  if (hasErrorCode(error, 'UNAUTHENTICATED', 'FORBIDDEN')) return outbox.isUsed()
  return hasErrorCode(error, 'UNAVAILABLE', 'TIMEOUT', 'RATE_LIMITED')
}

type R2Settings = Extract<StorageSettings, { r2: unknown }>

/** Of R2, before it was ever reached. */
const R2_CAPABILITIES: StorageCapabilities = {
  multiWriter: true,
  presignedDownload: true,
  presignedUpload: true,
  snapshots: true,
  durable: true,
}

/** R2, or with `secondary` a hybrid of both; behind an outbox unless that is turned off. */
async function openR2Side(
  settings: R2Settings,
  components: UnifiedComponents,
  secondary?: StorageBackend,
): Promise<StorageBackend> {
  const { outbox = {} } = components
  if (outbox !== false && settings.outbox !== false)
    return openWithOutbox(settings, { ...components, outbox: parseOutboxOptions(outbox) }, secondary)
  const primary = await openPrimary(settings, components, secondary)
  return secondary === undefined ? primary : createHybridBackend({ primary, secondary })
}

/** R2; for a hybrid its bucket is noted once it has opened, so not a mistyped one that does not. */
async function openPrimary(
  settings: R2Settings,
  components: ManagerComponents,
  secondary: StorageBackend | undefined,
): Promise<StorageBackend> {
  const primary = await openR2(settings, components)
  try {
    if (secondary !== undefined) await noteBucket(secondary, settings.r2)
    return primary
  } catch (error) {
    await primary.close()
    throw error
  }
}

/** When R2 does not answer, opens all the same: what is stored waits, and what was seen is known. */
async function openWithOutbox(
  settings: R2Settings,
  components: ManagerComponents & { readonly outbox: OutboxOptions },
  secondary: StorageBackend | undefined,
): Promise<StorageBackend> {
  const [{ openOutbox }, { createOutboxBackend }, { createReopeningBackend }, { createHybridWithOutbox }] =
    await Promise.all([
      import('@umbra/sqlite'),
      import('./outbox/outbox-backend.ts'),
      import('./outbox/reopening-backend.ts'),
      import('./hybrid/hybrid-with-outbox.ts'),
    ])
  const { clock, ids, outbox: options } = components
  const own = { ...(clock && { clock }), ...(ids && { ids }) }
  const outbox = await openOutbox({ ...options, path: settings.sqlite.path }, own)
  const open = () => openPrimary(settings, components, secondary)
  const assemble = (parts: Pick<OutboxParts, 'primary' | 'awayBecause'>) => {
    const all = { ...own, ...parts, outbox, policy: options }
    return secondary === undefined ? createOutboxBackend(all) : createHybridWithOutbox({ ...all, secondary })
  }
  try {
    return assemble({ primary: await open() })
  } catch (error) {
    if (!mayComeBack(error, outbox)) {
      await outbox.close()
      throw error
    }
    const primary = createReopeningBackend(open, { name: 'r2', capabilities: R2_CAPABILITIES })
    return assemble({ primary, awayBecause: error })
  }
}
