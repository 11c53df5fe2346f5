import type { StorageManager } from '@umbra/core'
import type { Bucket } from './bucket.ts'
import type { Datasets } from './datasets.ts'
import type { DemoNamespaces } from './demo-namespaces.ts'
import type { Output } from './output/output.ts'

/** What every scenario works with. */
export interface Stage {
  readonly storage: StorageManager
  readonly data: Datasets
  readonly out: Output
  readonly namespaces: DemoNamespaces
  /** Another writer with connections of its own, as a second server would have. Closed with the stage. */
  openSecondWriter(): Promise<StorageManager>
  /** The bucket behind it; SQLite has none. */
  readonly bucket: DemoBucket | undefined
}

export interface DemoBucket {
  /** Somebody's bucket, where other things lie too and what the tour stores stays. */
  readonly real: boolean
  /** Reads it from outside. Closed with the stage. */
  open(): Promise<Bucket>
}
