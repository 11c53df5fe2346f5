import type { HeadLink } from './head-chain.ts'
import type { StoredVersion, StoreHistory } from './object-history.ts'

/** All that a version of a namespace says. */
export interface DecodedVersion extends HeadLink {
  /** The records there are, by id. */
  readonly records: ReadonlyMap<string, { readonly rev: number; readonly content: string }>
  /** Keys of everything it refers to. Default: none. */
  readonly references?: readonly string[]
}

/** Reads a version; may read what it refers to from the store's history. */
export type VersionDecoder = (
  version: StoredVersion,
  store: StoreHistory,
) => DecodedVersion | Promise<DecodedVersion>

/** A version of a namespace and when it was the newest one. */
export interface TimelineVersion extends DecodedVersion {
  readonly stored: StoredVersion
  /** The step in which it took effect. */
  readonly step: number
}

/** Every version under a head's key, deletions left out. */
export async function decodeTimeline(
  headKey: string,
  store: StoreHistory,
  decode: VersionDecoder,
): Promise<readonly TimelineVersion[]> {
  const timeline: TimelineVersion[] = []
  for (const stored of store.history(headKey)) {
    if (stored.kind === 'deleted') continue
    timeline.push({ ...(await decode(stored, store)), stored, step: stored.step })
  }
  return timeline
}

/** Content of a record in a version; null when it is not there. */
export function contentIn(version: DecodedVersion | undefined, id: string): string | null {
  return version?.records.get(id)?.content ?? null
}
