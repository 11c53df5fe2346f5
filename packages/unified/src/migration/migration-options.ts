import type { Clock, ListedBlob, ManifestEntry, Namespace } from '@umbra/core'

/** What of a store is meant; everything when nothing is given. */
export interface MigrationScope {
  readonly module?: string
  readonly userId?: string
  /** Only records first stored at or after this moment: ISO 8601, UTC. */
  readonly since?: string
}

/** How far the records of this run have come. */
export interface MigrationProgress {
  readonly records: number
  readonly totalRecords: number
  /** Bytes of bodies. */
  readonly bytes: number
}

/** What a migration between the halves of a hybrid goes by. */
export interface HybridOptions {
  /**
   * The two sides are the halves of a hybrid: over which version of R2's a record was made is kept with SQLite's records, and what both
   * sides have changed is a conflict. Default false: the higher revision wins.
   */
  readonly isHybrid?: boolean
  /**
   * Of these entries of one side, which the other has not and does not say to have deleted as these revisions: those that are known to be
   * of records that were deleted there. Copies are not copied, or are deleted from the target; one that was changed is a conflict.
   */
  readonly findDeleted?: (
    namespace: Namespace,
    entries: readonly ManifestEntry[],
    side: 'source' | 'target',
  ) => Promise<ReadonlyMap<ManifestEntry, 'copy' | 'changed'>>
  /** Whether the target is known to have had this blob of the source: when it has none now, it was deleted there, and is not copied. */
  readonly wasBlobInTarget?: (blob: BlobVersion) => Promise<boolean>
  /** Called with the entries of records that are now known to be the same on both sides: copied, or found so. */
  readonly onEqual?: (namespace: Namespace, entries: readonly ManifestEntry[]) => Promise<void>
  /** The same of blobs. */
  readonly onEqualBlob?: (blob: BlobVersion) => Promise<void>
}

/** Blobs have no revisions. */
export type BlobVersion = Pick<ListedBlob, 'path' | 'etag'>

export interface MigrationOptions extends MigrationScope {
  /** Bodies read, and so written, at the same time: 1 or more, default 64. */
  readonly concurrency?: number
  /** Say what would be copied, and write nothing. */
  readonly dryRun?: boolean
  /** Look only at namespaces the source has. Default false: what only the target has is counted. */
  readonly additive?: boolean
  /** Passes over everything until one finds nothing to copy. Default 10. */
  readonly maxPasses?: number
  /** Called after each batch. The total costs one more listing of both stores, made only when this is given. */
  readonly onProgress?: (progress: MigrationProgress) => void
  /** Rejects with its reason between two batches; what was copied stays. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

export const DEFAULT_CONCURRENCY = 64
export const DEFAULT_MAX_PASSES = 10
