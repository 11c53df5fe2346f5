import type { ManifestHead, PartPointer } from '@umbra/core'

/**
 * Tombstones written before this moment (ISO 8601) need not be kept in a merge of these parts; undefined: all are needed.
 * A tombstone hides what older parts say, so it can go only where there is none; and it keeps the count of revisions, so
 * that a record created again does not get the etag of one that somebody may still want to replace.
 */
export function mayDropTombstones(
  head: ManifestHead,
  inputs: readonly PartPointer[],
  keptSince: string,
): string | undefined {
  return head.parts[0]?.key === inputs[0]?.key ? keptSince : undefined
}
