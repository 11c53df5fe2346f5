import type { Namespace } from '@umbra/core'

/**
 * `different`: both have it, and not as the same revision of the same content. `onlyInSource`, `onlyInTarget`: the other
 * side knows nothing of it. `deletedInSource`, `deletedInTarget`: that side deleted what the other still has.
 */
export type DifferenceKind =
  | 'different'
  | 'onlyInSource'
  | 'onlyInTarget'
  | 'deletedInSource'
  | 'deletedInTarget'

export interface StoreDifference {
  readonly kind: DifferenceKind
  /** Undefined for a blob. */
  readonly namespace: Namespace | undefined
  /** The record's id, or the blob's path. */
  readonly id: string
  /** The etag of what the source has; null when it has nothing. */
  readonly source: string | null
  readonly target: string | null
}

/** How many records, or blobs, of each kind. */
export type ComparisonCounts = Readonly<Record<'equal' | DifferenceKind, number>>

export interface ComparisonReport {
  /** Every namespace that either side has. */
  readonly namespaces: readonly (Namespace & ComparisonCounts)[]
  /** All 0 when only a module or user was compared. */
  readonly blobs: ComparisonCounts
  readonly total: ComparisonCounts
  /** Nothing differs. */
  readonly equal: boolean
}

export const NOTHING_COMPARED: ComparisonCounts = {
  equal: 0,
  different: 0,
  onlyInSource: 0,
  onlyInTarget: 0,
  deletedInSource: 0,
  deletedInTarget: 0,
}

export function sumComparisons(all: Iterable<ComparisonCounts>): ComparisonCounts {
  const sum = { ...NOTHING_COMPARED }
  for (const counts of all) {
    sum.equal += counts.equal
    sum.different += counts.different
    sum.onlyInSource += counts.onlyInSource
    sum.onlyInTarget += counts.onlyInTarget
    sum.deletedInSource += counts.deletedInSource
    sum.deletedInTarget += counts.deletedInTarget
  }
  return sum
}
