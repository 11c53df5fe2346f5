import { systemClock, UmbraError } from '@umbra/core'
import type { Clock, StorageBackend, StoreInventory } from '@umbra/core'
import pLimit from 'p-limit'
import type { LimitFunction } from 'p-limit'
import { DEFAULT_CONCURRENCY } from './migration-options.ts'
import type { HybridOptions, MigrationOptions } from './migration-options.ts'

/** A backend that can say what it holds. */
export type ListedBackend = StorageBackend & { readonly inventory: StoreInventory }

export interface MigrationContext extends Required<HybridOptions> {
  readonly source: ListedBackend
  readonly target: ListedBackend
  readonly since: string | undefined
  readonly dryRun: boolean
  readonly bodyLimit: LimitFunction
  /** Loaded batches in memory, over all namespaces. */
  readonly batchLimit: LimitFunction
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  readonly advance: (records: number, bytes: number) => void
}

/** Two for each of four namespaces: one is read while the one before is written. */
const MAX_BATCHES = 8

export function createMigrationContext(
  source: StorageBackend,
  target: StorageBackend,
  options: MigrationOptions & HybridOptions,
): MigrationContext {
  const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new UmbraError('INVALID_INPUT', 'concurrency must be a whole number of 1 or more', {
      details: { field: 'concurrency' },
    })
  }
  return {
    source: assertListed(source),
    target: assertListed(target),
    since: options.since,
    dryRun: options.dryRun ?? false,
    isHybrid: options.isHybrid ?? false,
    bodyLimit: pLimit(concurrency),
    batchLimit: pLimit(MAX_BATCHES),
    clock: options.clock ?? systemClock,
    signal: options.signal,
    advance: () => {},
    onEqual: options.onEqual ?? (async () => {}),
    findDeleted: options.findDeleted ?? (async () => new Map()),
    onEqualBlob: options.onEqualBlob ?? (async () => {}),
    wasBlobInTarget: options.wasBlobInTarget ?? (async () => false),
  }
}

/** @throws `UNSUPPORTED` when the backend cannot say what it holds. */
export function assertListed(backend: StorageBackend): ListedBackend {
  if (isListed(backend)) return backend
  throw new UmbraError('UNSUPPORTED', `this backend cannot list what it holds. backend=${backend.name}`)
}

function isListed(backend: StorageBackend): backend is ListedBackend {
  return backend.inventory !== undefined
}
