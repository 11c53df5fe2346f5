import type { StorageBackend } from '../backend/storage-backend.ts'
import type { Clock } from '../clock.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import type { ParquetCodec } from '../formats/parquet-codec.ts'
import { createIdSource } from '../id-source.ts'
import type { IdSource } from '../id-source.ts'
import { systemClock } from '../system-clock.ts'
import { BackendStorageManager } from './backend-storage-manager.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { StorageLimits } from './limits.ts'
import type { StorageManager } from './storage-manager.ts'

export interface ManagerComponents {
  /** Default: storing or reading Parquet is `UNSUPPORTED`. */
  readonly parquet?: ParquetCodec
  readonly clock?: Clock
  readonly ids?: IdSource
  readonly limits?: Partial<StorageLimits>
}

/** The public storage calls over any backend. The manager owns the backend and the codec, and closes both. */
export function manageBackend(backend: StorageBackend, components: ManagerComponents = {}): StorageManager {
  return new BackendStorageManager({
    backend,
    clock: components.clock ?? systemClock,
    ids: components.ids ?? createIdSource(),
    parquet: components.parquet ?? missingParquetCodec,
    limits: { ...DEFAULT_LIMITS, ...components.limits },
  })
}

const missingParquetCodec: ParquetCodec = {
  write: async () => {
    throw parquetMissing()
  },
  // oxlint-disable-next-line require-yield -- a stream that fails at once
  async *read() {
    throw parquetMissing()
  },
  close: async () => {},
}

function parquetMissing(): UmbraError {
  return new UmbraError('UNSUPPORTED', 'parquet needs a codec; pass createParquetCodec() of @umbra/r2/duckdb')
}
