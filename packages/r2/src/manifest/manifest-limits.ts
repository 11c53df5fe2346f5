import { CLOCK_SKEW_MS, MAX_WRITERS } from '@umbra/core'

/** The numbers that bound a manifest. Tests and simulations make them small, so that every rule is met early. */
export interface ManifestLimits {
  /** Entries after which the tail is moved to a segment, in the background. */
  readonly tailLines: number
  /** Bytes of entries after which it is moved. */
  readonly tailBytes: number
  /** So many times these bounds, a commit moves its tail first and does not wait for the background. */
  readonly overfull: number
  /** Parts of one level that are merged into one of the next. */
  readonly fanOut: number
  /** Parts of a head beyond which neighbours are merged whatever their levels; in the background, so no commit waits for it. */
  readonly maxParts: number
  /** Most records of one commit of an import. */
  readonly importRows: number
  /** Most operations in one version of the head. */
  readonly groupSize: number
  /** Writers whose watermarks a head keeps: of those beyond, an attempt may become undecidable. */
  readonly maxWriters: number
  /** Milliseconds that nothing referred to must be so before it is deleted: what a reader may take to finish. */
  readonly graceMs: number
  /** Milliseconds the clocks of writers, collectors and the store may lie apart: stores refuse requests signed further off. */
  readonly clockSkewMs: number
  /** Milliseconds a tombstone is kept, so that an old etag is not mistaken for that of a record created again. */
  readonly tombstoneMs: number
}

const HOUR_MS = 60 * 60 * 1_000

/** Why these: docs/manifest.md. */
export const MANIFEST_LIMITS: ManifestLimits = {
  tailLines: 256,
  tailBytes: 128 * 1_024,
  overfull: 4,
  fanOut: 8,
  maxParts: 64,
  importRows: 131_072,
  groupSize: 1_000,
  maxWriters: MAX_WRITERS,
  graceMs: 24 * HOUR_MS,
  clockSkewMs: CLOCK_SKEW_MS,
  tombstoneMs: 7 * 24 * HOUR_MS,
}
