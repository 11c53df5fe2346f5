import type { Namespace } from '@umbra/core'

/** Something that was left as it is and that a person should know of. */
export interface MigrationFinding {
  /**
   * `conflict`: neither is the newer one: both stores have this revision with different content, have changed what they had in
   * common, or one has deleted another record of this id. `unconvertible`: it cannot be read whole from the source.
   */
  readonly kind: 'conflict' | 'unconvertible'
  /** Undefined for a blob. */
  readonly namespace: Namespace | undefined
  /** The record's id, or the blob's path. */
  readonly id: string
  readonly reason: string
}

/**
 * What became of the records of one namespace, or of the blobs. Each is counted once while nothing else writes;
 * what an application changes meanwhile may be counted again by a later pass, and `alreadyThere` be too low by as many.
 */
export interface MigrationCounts {
  /** New in the target, or newer than what it had; in a dry run: would be. */
  readonly copied: number
  /** Bytes of their bodies. */
  readonly bytes: number
  /** Removed from the target, because deleted in the source. */
  readonly deleted: number
  /** The same revision was in the target before. */
  readonly alreadyThere: number
  /** The target's revision is newer: left. */
  readonly newerInTarget: number
  /** Deleted in the target since: left deleted. */
  readonly deletedInTarget: number
  /** The source has never had it: left. */
  readonly onlyInTarget: number
  readonly conflicts: number
  readonly unconvertible: number
}

export interface NamespaceReport extends Namespace, MigrationCounts {}

export interface MigrationReport {
  readonly dryRun: boolean
  readonly namespaces: readonly NamespaceReport[]
  readonly blobs: MigrationCounts
  readonly total: MigrationCounts
  readonly findings: readonly MigrationFinding[]
  /** How often everything was compared. */
  readonly passes: number
  /** Whether the last pass found nothing left to copy. False in a dry run that found something. */
  readonly settled: boolean
  readonly seconds: number
}

export const NO_COUNTS: MigrationCounts = {
  copied: 0,
  bytes: 0,
  deleted: 0,
  alreadyThere: 0,
  newerInTarget: 0,
  deletedInTarget: 0,
  onlyInTarget: 0,
  conflicts: 0,
  unconvertible: 0,
}

/** What was done adds up over passes; what is left, and what was there before, is the last one's to say. */
export function addPass(before: MigrationCounts | undefined, pass: MigrationCounts): MigrationCounts {
  if (before === undefined) return pass
  return {
    ...pass,
    copied: before.copied + pass.copied,
    bytes: before.bytes + pass.bytes,
    deleted: before.deleted + pass.deleted,
    // Without what was copied by then.
    alreadyThere: Math.max(0, pass.alreadyThere - before.copied),
  }
}

export function sumCounts(all: Iterable<MigrationCounts>): MigrationCounts {
  const sum = { ...NO_COUNTS }
  for (const counts of all) {
    sum.copied += counts.copied
    sum.bytes += counts.bytes
    sum.deleted += counts.deleted
    sum.alreadyThere += counts.alreadyThere
    sum.newerInTarget += counts.newerInTarget
    sum.deletedInTarget += counts.deletedInTarget
    sum.onlyInTarget += counts.onlyInTarget
    sum.conflicts += counts.conflicts
    sum.unconvertible += counts.unconvertible
  }
  return sum
}
