import type { Namespace } from '../records/namespace.ts'

export interface MaintenanceOptions {
  /** Say what would be done, and change nothing. Default false. */
  readonly dryRun?: boolean
}

export interface CheckOptions {
  /** Download every body and compare its hash as well. Default false. */
  readonly deep?: boolean
}

/** One thing that is wrong with a namespace. */
export interface NamespaceProblem {
  /**
   * `head-damaged`, `head-lost`: there is no manifest to trust; rebuild. `part-missing`, `part-damaged`: some entries
   * cannot be read; rebuild. `sum-mismatch`: entries were lost or doubled; rebuild. `body-missing`, `body-damaged`: the
   * record's content is lost. `orphans`: objects nothing refers to; collect.
   */
  readonly kind:
    | 'head-damaged'
    | 'head-lost'
    | 'part-missing'
    | 'part-damaged'
    | 'sum-mismatch'
    | 'body-missing'
    | 'body-damaged'
    | 'orphans'
  /** The object, or the record's id, it is about. */
  readonly subject: string
  /** One sentence for a person, ending with what to run next. */
  readonly message: string
}

export interface CheckReport {
  /** Live records found. */
  readonly records: number
  readonly parts: number
  /** Bytes of the live records' bodies, as the manifest says. */
  readonly bytes: number
  readonly problems: readonly NamespaceProblem[]
}

export interface RebuildReport {
  /** What the new manifest was rebuilt from: object key of the head or of its copy, or null when only a listing was left. */
  readonly base: string | null
  readonly records: number
  /** Of them, those found by listing the bucket. */
  readonly fromListing: number
  /** Ids whose fate the remaining objects do not tell: a deletion may have been in the lost head. They are kept. */
  readonly uncertain: readonly string[]
  readonly dryRun: boolean
}

export interface CompactReport {
  readonly partsBefore: number
  readonly partsAfter: number
  readonly dryRun: boolean
}

export interface CollectReport {
  /** Objects that were replaced and are past their grace. */
  readonly superseded: number
  /** Objects nothing ever referred to, for instance of a process that was killed before its commit. */
  readonly orphans: number
  /** Bytes freed by the orphans. */
  readonly orphanBytes: number
  /** What the store refused to delete; tried again by the next collection. */
  readonly failed: readonly { readonly key: string; readonly message: string }[]
  readonly dryRun: boolean
}

/** Upkeep of one namespace's manifest. Everything may run beside readers and writers of any process. */
export interface NamespaceMaintenance {
  /** Verifies head, parts, sums and that every referenced object exists. Changes nothing. */
  check(namespace: Namespace, options?: CheckOptions): Promise<CheckReport>
  /**
   * Writes a new manifest, in a new epoch, from what is left: the newest head or head copy that can be read, the parts,
   * and a listing of the namespace's objects. Rejects with `CONFLICT` when the manifest is whole: there is nothing to rebuild.
   */
  rebuild(namespace: Namespace, options?: MaintenanceOptions): Promise<RebuildReport>
  /** Merges all parts into one run, which frees what updates and deletions left behind. */
  compact(namespace: Namespace, options?: MaintenanceOptions): Promise<CompactReport>
  /** Deletes what nothing refers to any more, once its grace is over. Costs one listing (Class A per 1,000 objects). */
  collect(namespace: Namespace, options?: MaintenanceOptions): Promise<CollectReport>
}
