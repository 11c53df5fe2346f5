import { recordEtag } from '@umbra/core'
import type { Deletion, ListedBlob, ManifestEntry, Namespace, StoredEntry } from '@umbra/core'
import type { DifferenceKind, StoreDifference } from './comparison-report.ts'
import { isOfEarlier, isSame } from './decide-record.ts'
import { mapConcurrently } from './map-concurrently.ts'
import type { Pair } from './merge-ordered.ts'
import type { ListedBackend } from './migration-context.ts'

export interface ComparedSides {
  readonly source: ListedBackend
  readonly target: ListedBackend
}

/** Records that seem to differ are read again this many at a time. */
const PARALLEL_LOOKUPS = 32

/** How many of these pairs are equal, and what differs of the others now. */
export async function recordDifferences(
  sides: ComparedSides,
  namespace: Namespace,
  pairs: readonly Pair<StoredEntry>[],
): Promise<{ readonly equal: number; readonly differences: readonly StoreDifference[] }> {
  const suspects = pairs.filter(({ source, target }) => !areSame(source?.entry, target?.entry))
  const ids = suspects.map(({ source, target }) => (source ?? target).entry.id)
  const [inSource, inTarget] = await Promise.all([
    sides.source.inventory.findDeletions(namespace, ids),
    sides.target.inventory.findDeletions(namespace, ids),
  ])
  let equal = pairs.length - suspects.length
  const found = await mapConcurrently(suspects, PARALLEL_LOOKUPS, async (pair) => {
    const { id } = (pair.source ?? pair.target).entry
    const [source, target] = await Promise.all([
      sides.source.getEntry(namespace, id),
      sides.target.getEntry(namespace, id),
    ])
    // An id that was used again stands at another place of the source's order: it is compared there.
    if (pair.source === undefined && source !== undefined) return undefined
    if (areSame(source?.entry, target?.entry)) {
      equal++
      return undefined
    }
    const etags = { source: etagOf(source), target: etagOf(target) }
    const kind = kindOf(etags, {
      source: isDeletionOf(inSource.get(id), target),
      target: isDeletionOf(inTarget.get(id), source),
    })
    return kind && { kind, namespace, id, ...etags }
  })
  return { equal, differences: found.filter((one) => one !== undefined) }
}

/** What differs of a blob now; undefined when nothing does. */
export async function blobDifference(
  { source, target }: ComparedSides,
  pair: Pair<ListedBlob>,
): Promise<StoreDifference | undefined> {
  if (pair.source?.etag === pair.target?.etag) return undefined
  const { path } = pair.source ?? pair.target
  const [inSource, inTarget] = await Promise.all([source.blobs.get(path), target.blobs.get(path)])
  const etags = { source: inSource?.etag ?? null, target: inTarget?.etag ?? null }
  if (etags.source === etags.target) return undefined
  const kind = kindOf(etags, { source: false, target: false })
  return kind && { kind, namespace: undefined, id: path, ...etags }
}

function areSame(source: ManifestEntry | undefined, target: ManifestEntry | undefined): boolean {
  return source !== undefined && target !== undefined && isSame(source, target)
}

/** Whether one side deleted what the other one has, and not only an earlier record of its id. */
function isDeletionOf(deletion: Deletion | undefined, stored: StoredEntry | undefined): boolean {
  return deletion !== undefined && stored !== undefined && !isOfEarlier(deletion, stored.entry)
}

function etagOf(stored: StoredEntry | undefined): string | null {
  return stored === undefined ? null : recordEtag(stored.entry)
}

/** Undefined when neither side has it any more. */
function kindOf(
  etags: { readonly source: string | null; readonly target: string | null },
  deleted: { readonly source: boolean; readonly target: boolean },
): DifferenceKind | undefined {
  if (etags.source !== null && etags.target !== null) return 'different'
  if (etags.source !== null) return deleted.target ? 'deletedInTarget' : 'onlyInSource'
  if (etags.target !== null) return deleted.source ? 'deletedInSource' : 'onlyInTarget'
  return undefined
}
