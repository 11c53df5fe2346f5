import { addSums, EMPTY_SUM, entryDigest } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { listEntries } from './list-entries.ts'
import { mapConcurrently } from './map-concurrently.ts'
import { assertListed } from './migration-context.ts'
import type { ListedBackend } from './migration-context.ts'
import type { MigrationScope } from './migration-options.ts'
import { listNamespaces } from './run-migration.ts'

/** What one side holds of a namespace. */
export interface SideSummary {
  readonly records: number
  /** A hash over id, revision and content hash of every record, whatever their order: 64 hex digits. */
  readonly hash: string
}

export interface NamespaceVerification extends Namespace {
  readonly source: SideSummary
  readonly target: SideSummary
  readonly equal: boolean
}

export interface VerificationReport {
  readonly namespaces: readonly NamespaceVerification[]
  readonly blobs: { readonly source: SideSummary; readonly target: SideSummary; readonly equal: boolean }
  readonly equal: boolean
}

const PARALLEL_NAMESPACES = 4

/**
 * Counts and hashes what each side holds, each on its own, and compares the results. Says that the sides list the same
 * revisions of the same content; it does not read the bodies again. With writers at work, a difference may be a record
 * that was stored in between.
 */
export async function verifyMigration(
  source: StorageBackend,
  target: StorageBackend,
  scope: MigrationScope = {},
): Promise<VerificationReport> {
  const sides = { source: assertListed(source), target: assertListed(target) }
  const namespaces = await mapConcurrently(
    await listNamespaces([sides.source, sides.target], scope),
    PARALLEL_NAMESPACES,
    async (namespace) => {
      const both = await onBoth(sides, (side) => summarise(side, namespace, scope.since))
      return { ...namespace, ...both }
    },
  )
  const isWhole = scope.module === undefined && scope.userId === undefined && scope.since === undefined
  const blobs = await onBoth(sides, (side) => (isWhole ? summariseBlobs(side) : Promise.resolve(EMPTY)))
  return { namespaces, blobs, equal: blobs.equal && namespaces.every(({ equal }) => equal) }
}

const EMPTY: SideSummary = { records: 0, hash: EMPTY_SUM }

async function onBoth(
  { source, target }: { readonly source: ListedBackend; readonly target: ListedBackend },
  summariseSide: (side: ListedBackend) => Promise<SideSummary>,
) {
  const [ofSource, ofTarget] = await Promise.all([summariseSide(source), summariseSide(target)])
  const equal = ofSource.records === ofTarget.records && ofSource.hash === ofTarget.hash
  return { source: ofSource, target: ofTarget, equal }
}

async function summarise(
  backend: ListedBackend,
  namespace: Namespace,
  since: string | undefined,
): Promise<SideSummary> {
  let records = 0
  let hash = EMPTY_SUM
  for await (const { entry } of listEntries(backend, namespace, since)) {
    records++
    // Without the key, which is each store's own.
    hash = addSums(hash, entryDigest({ id: entry.id, rev: entry.rev, sha256: entry.sha256, key: '' }))
  }
  return { records, hash }
}

async function summariseBlobs({ inventory }: ListedBackend): Promise<SideSummary> {
  let records = 0
  let hash = EMPTY_SUM
  for await (const { path, etag } of inventory.listBlobs()) {
    records++
    hash = addSums(hash, entryDigest({ id: path, rev: 0, sha256: etag, key: '' }))
  }
  return { records, hash }
}
