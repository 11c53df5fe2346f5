import type { StorageBackend } from '../backend/storage-backend.ts'
import type { Clock } from '../clock.ts'
import type { ParquetCodec } from '../formats/parquet-codec.ts'
import type { IdSource } from '../id-source.ts'
import type { StorageLimits } from './limits.ts'

/** What every part of a storage manager works with. */
export interface ManagerContext {
  readonly backend: StorageBackend
  readonly clock: Clock
  readonly ids: IdSource
  readonly parquet: ParquetCodec
  readonly limits: StorageLimits
}
