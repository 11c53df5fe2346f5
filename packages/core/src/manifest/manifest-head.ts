import type { ManifestEntry } from '../records/manifest-entry.ts'
import type { GarbagePointer, PartPointer } from './part-pointer.ts'

/** How far a writer's operations have been decided: what makes a retry after a lost answer safe. */
export interface Watermark {
  /** Number of the writer's last decided operation; its operations are numbered 1, 2, 3, ... */
  readonly n: number
  /** Rolling hash over the ids of all operations up to `n`: tells two writers apart that use one name. */
  readonly h: string
  /** The version that decided it. */
  readonly seq: number
  /** When that was: ISO 8601, UTC. */
  readonly at: string
  /** Of the operations this version decided, the numbers of those it rejected. */
  readonly skip?: readonly number[]
}

/** The first line of a manifest. */
export interface HeadHeader {
  readonly _: 'head'
  /** Format version. */
  readonly v: 1
  readonly module: string
  readonly user_id: string
  /** Minted when the namespace was created or rebuilt: versions of two epochs are not comparable. */
  readonly epoch: string
  /** Number of this version: one more than the version before. */
  readonly seq: number
  /** Fresh for every attempted body, so no two bodies, hence no two ETags, are ever equal. */
  readonly commit: string
  /** The version this one replaced, or null for the first. */
  readonly prev: { readonly seq: number; readonly etag: string } | null
  /** When this version was written: ISO 8601, UTC. */
  readonly at: string
  /** Live records. */
  readonly live: number
  /** Sum of the live entries' digests: see `LiveSum`. */
  readonly sum: string
  /** Uploads older than this may have been collected: ISO 8601, UTC; null as long as nothing was. */
  readonly floor: string | null
  /** Per writer, how far its operations have been decided. */
  readonly w: Readonly<Record<string, Watermark>>
  /** Whether an anchor is known to be stored: see docs/manifest.md. */
  readonly anchored: boolean
  /** The newest version whose writer was forgotten to keep `w` small; 0 when none was. */
  readonly forgotten: number
}

/** An entry and its line in the manifest, kept so that a new version need not write every line anew. */
export interface ManifestLine {
  readonly entry: ManifestEntry
  /** JSON, without the line break. */
  readonly text: string
}

/** One version of a namespace's manifest. What the newer says of an id hides what the older says. */
export interface ManifestHead {
  readonly header: HeadHeader
  /** Where the older entries were moved to, oldest part first. */
  readonly parts: readonly PartPointer[]
  readonly garbage: GarbagePointer | undefined
  /** The newest changes, oldest first; an id may occur several times. */
  readonly tail: readonly ManifestLine[]
}

export function toManifestLine(entry: ManifestEntry): ManifestLine {
  return { entry, text: JSON.stringify(entry) }
}
