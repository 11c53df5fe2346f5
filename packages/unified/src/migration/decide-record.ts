import { isDeepStrictEqual } from 'node:util'
import type { Deletion, ManifestEntry } from '@umbra/core'

/** What is known of one record on both sides. */
export interface RecordOnBothSides {
  readonly source: ManifestEntry | undefined
  readonly target: ManifestEntry | undefined
  /** When the id was deleted in the source. */
  readonly deletedInSource: Deletion | undefined
  readonly deletedInTarget: Deletion | undefined
}

export type RecordDecision =
  | 'copy'
  | 'delete'
  | 'alreadyThere'
  | 'newerInTarget'
  | 'deletedInTarget'
  | 'onlyInTarget'
  | 'conflict'
  /** SQLite and R2 have both changed what they had in common. */
  | 'diverged'
  /** The other side deleted another record of this id, at a revision this one does not reach. */
  | 'reused'
  /** Not what it was any more when it was looked at: for the next pass. */
  | 'moved'

/** There is nothing to do. */
export type SettledDecision = Exclude<RecordDecision, 'copy' | 'delete' | 'moved'>

/** The newer revision wins, and a deletion is a revision; nothing that is as new is ever replaced. */
export function decideRecord(record: RecordOnBothSides): RecordDecision {
  const { source, target, deletedInSource, deletedInTarget } = record
  if (source !== undefined && target !== undefined) {
    if (source.rev !== target.rev) return source.rev > target.rev ? 'copy' : 'newerInTarget'
    return isSameRevision(source, target) ? 'alreadyThere' : 'conflict'
  }
  if (source !== undefined) {
    if (deletedInTarget === undefined || deletedInTarget.rev < source.rev) return 'copy'
    return isOfEarlier(deletedInTarget, source) ? 'reused' : 'deletedInTarget'
  }
  if (target === undefined || deletedInSource === undefined) return 'onlyInTarget'
  if (deletedInSource.rev < target.rev) return 'newerInTarget'
  if (isOfEarlier(deletedInSource, target)) return 'reused'
  return deletedInSource.rev === target.rev ? 'conflict' : 'delete'
}

/** Whether what was deleted is an earlier record that had the id, so that the deletion says nothing of this one. */
export function isOfEarlier(deletion: Deletion, { timestamp }: ManifestEntry): boolean {
  return deletion.timestamp < timestamp
}

/** Whether both have the same version. */
export function isSame(a: ManifestEntry, b: ManifestEntry): boolean {
  return a.rev === b.rev && isSameRevision(a, b)
}

/** Everything but where the body lies, and but the search text, which follows from the rest. */
export function isSameRevision(a: ManifestEntry, b: ManifestEntry): boolean {
  return (
    a.sha256 === b.sha256 &&
    a.size === b.size &&
    a.timestamp === b.timestamp &&
    a.data_type === b.data_type &&
    a.updated_at === b.updated_at &&
    a.filename === b.filename &&
    a.content_type === b.content_type &&
    isDeepStrictEqual(a.metadata, b.metadata)
  )
}
