import type { Clock, StorageManager } from '@umbra/core'
import type { BodyReaders } from '../records/creation.ts'

/** What handlers work with. */
export interface RouteContext {
  readonly storage: StorageManager
  readonly readers: BodyReaders
  readonly clock: Clock
}
