import { compareCodePoints, compareEntries } from '@umbra/core'
import type { ListedBlob, Namespace, StorageBackend, StoredEntry } from '@umbra/core'
import { blobDifference, recordDifferences } from './compare-pairs.ts'
import type { ComparedSides } from './compare-pairs.ts'
import { NOTHING_COMPARED, sumComparisons } from './comparison-report.ts'
import type {
  ComparisonCounts,
  ComparisonReport,
  DifferenceKind,
  StoreDifference,
} from './comparison-report.ts'
import { listEntries } from './list-entries.ts'
import { mapConcurrently } from './map-concurrently.ts'
import { inGroups, mergeOrdered } from './merge-ordered.ts'
import { assertListed } from './migration-context.ts'
import type { MigrationScope } from './migration-options.ts'
import { listNamespaces } from './run-migration.ts'

export interface CompareOptions extends Omit<MigrationScope, 'since'> {
  /** Told every difference as it is found, in no order across namespaces. */
  readonly onDifference?: (difference: StoreDifference) => void
  /** Rejects with its reason between two groups of records. */
  readonly signal?: AbortSignal
}

/** Pairs that are looked at together, and so in memory besides a page of each side. */
const GROUP_SIZE = 1_000
const PARALLEL_NAMESPACES = 4

const byPosition = compareEntries('oldest')

/**
 * Compares everything two stores list: every record's id, revision, content hash and description, deletions of what the
 * other side still has, and blobs (unless only a module or user is meant). Both sides are read in the same order, page by
 * page, so memory does not grow with them. What seems to differ is read once more on both sides, so that a write in between
 * is not taken for a difference. Bodies are not read: their hashes are compared. Both backends stay open.
 *
 * @throws what the backends throw; `UNSUPPORTED` when one cannot list what it holds.
 */
export async function compareStores(
  source: StorageBackend,
  target: StorageBackend,
  options: CompareOptions = {},
): Promise<ComparisonReport> {
  const sides = { source: assertListed(source), target: assertListed(target) }
  const namespaces = await mapConcurrently(
    await listNamespaces([sides.source, sides.target], options),
    PARALLEL_NAMESPACES,
    async (namespace) => ({ ...namespace, ...(await compareNamespace(sides, namespace, options)) }),
  )
  const isWhole = options.module === undefined && options.userId === undefined
  const blobs = isWhole ? await compareBlobs(sides, options) : NOTHING_COMPARED
  const total = sumComparisons([...namespaces, blobs])
  const { equal: _equal, ...differences } = total
  return { namespaces, blobs, total, equal: Object.values(differences).every((count) => count === 0) }
}

async function compareNamespace(
  sides: ComparedSides,
  namespace: Namespace,
  options: CompareOptions,
): Promise<ComparisonCounts> {
  const pairs = mergeOrdered<StoredEntry>(
    listEntries(sides.source, namespace, undefined),
    listEntries(sides.target, namespace, undefined),
    (a, b) => byPosition(a.entry, b.entry),
  )
  const tally = createTally(options)
  for await (const group of inGroups(pairs, GROUP_SIZE)) {
    options.signal?.throwIfAborted()
    const { equal, differences } = await recordDifferences(sides, namespace, group)
    tally.add(equal, differences)
  }
  return tally.counts
}

async function compareBlobs(sides: ComparedSides, options: CompareOptions): Promise<ComparisonCounts> {
  const pairs = mergeOrdered<ListedBlob>(
    sides.source.inventory.listBlobs(),
    sides.target.inventory.listBlobs(),
    (a, b) => compareCodePoints(a.path, b.path),
  )
  const tally = createTally(options)
  for await (const group of inGroups(pairs, GROUP_SIZE)) {
    options.signal?.throwIfAborted()
    const found = await mapConcurrently(group, PARALLEL_NAMESPACES, (pair) => blobDifference(sides, pair))
    const differences = found.filter((one) => one !== undefined)
    tally.add(found.length - differences.length, differences)
  }
  return tally.counts
}

function createTally({ onDifference }: CompareOptions) {
  const counts: Record<'equal' | DifferenceKind, number> = { ...NOTHING_COMPARED }
  return {
    counts,
    add(equal: number, differences: readonly StoreDifference[]) {
      counts.equal += equal
      for (const difference of differences) {
        counts[difference.kind]++
        onDifference?.(difference)
      }
    },
  }
}
