import type { StorageManager } from '../manager/storage-manager.ts'

/** One empty storage and ways into it. */
export interface StorageUnderTest {
  /** Another way into the same data, as another process would have it. The suite closes it. */
  connect(): Promise<StorageManager>
  /** Removes everything. */
  destroy(): Promise<void>
}

export interface BackendUnderTest {
  create(): Promise<StorageUnderTest>
  /** Why this set-up has no Parquet codec; the suite then checks that Parquet is refused as `UNSUPPORTED`. */
  readonly parquetGap?: string
}

/** What a suite works with: one storage for all its tests, and a namespace nobody used before for each. */
export interface SuiteContext {
  /** The storage's first manager. */
  readonly storage: StorageManager
  connect(): Promise<StorageManager>
  newModule(): string
  readonly parquetGap: string | undefined
}
