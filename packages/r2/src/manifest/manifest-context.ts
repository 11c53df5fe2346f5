import type { Clock, IdSource, ObjectStore, RetryContext } from '@umbra/core'
import type { LimitFunction } from 'p-limit'
import type { ManifestLimits } from './manifest-limits.ts'
import type { PartCache } from './part-cache.ts'
import type { ProtocolRules } from './protocol-rules.ts'
import type { RunFormat } from './run-format.ts'
import type { SegmentReader } from './segment-reader.ts'

/** What the manifest code works with: everything that is time, chance, disk or network comes from here. */
export interface ManifestContext {
  readonly objects: ObjectStore
  /** Bounds the uploads in flight over all namespaces. */
  readonly uploadLimit: LimitFunction
  readonly clock: Clock
  /** Lets everything happen that can, such as requests leave. */
  readonly nextTurn: () => Promise<void>
  readonly ids: IdSource
  /** For requests that may be repeated as they are. */
  readonly retry: RetryContext
  /** Least milliseconds between two writes of one head; 0 where the store has no such limit. */
  readonly headIntervalMs: number
  /** Milliseconds after which a commit whose outcome is still unknown is reported as `OUTCOME_PENDING`. */
  readonly commitTimeoutMs: number
  readonly cache: PartCache
  readonly runs: RunFormat
  readonly segments: SegmentReader
  readonly limits: ManifestLimits
  readonly rules: ProtocolRules
  /** Told of upkeep in the background that failed: nothing is lost by it, but a head may grow meanwhile. */
  readonly onUpkeepFailure: (error: unknown) => void
}
