import { isDeepStrictEqual } from 'node:util'
import type { ManifestEntry } from '@umbra/core'

/** What is known of one record on both sides. */
export interface RecordOnBothSides {
  readonly source: ManifestEntry | undefined
  readonly target: ManifestEntry | undefined
  /** The revision of its deletion in the source, when it was deleted there. */
  readonly deletedInSource: number | undefined
  readonly deletedInTarget: number | undefined
}

export type RecordDecision =
  | 'copy'
  | 'delete'
  | 'alreadyThere'
  | 'newerInTarget'
  | 'deletedInTarget'
  | 'onlyInTarget'
  | 'conflict'

/** There is nothing to do. */
export type SettledDecision = Exclude<RecordDecision, 'copy' | 'delete'>

/** The newer revision wins, and a deletion is a revision; nothing that is as new is ever replaced. */
export function decideRecord(record: RecordOnBothSides): RecordDecision {
  const { source, target, deletedInSource, deletedInTarget = 0 } = record
  if (source !== undefined && target !== undefined) {
    if (source.rev !== target.rev) return source.rev > target.rev ? 'copy' : 'newerInTarget'
    return isSameRevision(source, target) ? 'alreadyThere' : 'conflict'
  }
  if (source !== undefined) return deletedInTarget >= source.rev ? 'deletedInTarget' : 'copy'
  if (target === undefined || deletedInSource === undefined) return 'onlyInTarget'
  if (deletedInSource === target.rev) return 'conflict'
  return deletedInSource > target.rev ? 'delete' : 'newerInTarget'
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
