import { compareCodePoints, hasErrorCode, NEVER_WRITTEN } from '@umbra/core'
import type { ListedBlob } from '@umbra/core'
import { copyBlob } from './copy-blob.ts'
import { inGroups, mergeOrdered } from './merge-ordered.ts'
import type { Pair } from './merge-ordered.ts'
import type { MigrationContext } from './migration-context.ts'
import type { BlobVersion } from './migration-options.ts'
import { NO_COUNTS } from './migration-report.ts'
import type { MigrationCounts, MigrationFinding } from './migration-report.ts'

export interface BlobPass {
  readonly counts: MigrationCounts
  readonly findings: readonly MigrationFinding[]
  readonly settled: boolean
}

/** Listed blobs that are looked at together. */
const GROUP_SIZE = 1_000

/** What became of it is for the next pass to see. */
function unlessMoved(error: unknown): { readonly kind: 'moved' } {
  if (hasErrorCode(error, 'OUTCOME_PENDING', 'CONFLICT')) return { kind: 'moved' }
  throw error
}

/** One pass over the blobs. They have no revisions: one that differs is a conflict, and left. */
export async function migrateBlobs(context: MigrationContext): Promise<BlobPass> {
  const counts = { ...NO_COUNTS }
  const findings: MigrationFinding[] = []
  let moved = 0
  const pairs = mergeOrdered(
    context.source.inventory.listBlobs(),
    context.target.inventory.listBlobs(),
    (a, b) => compareCodePoints(a.path, b.path),
  )
  for await (const group of inGroups(pairs, GROUP_SIZE)) {
    context.signal?.throwIfAborted()
    await Promise.all(group.map((pair) => context.bodyLimit(() => settle(pair))))
  }
  return { counts, findings, settled: counts.copied === 0 && moved === 0 }

  async function settle(pair: Pair<ListedBlob>): Promise<void> {
    const { source, target } = pair
    if (source === undefined) counts.onlyInTarget++
    else if (target === undefined) await copy(source)
    else if (source.etag === target.etag) await found(source)
    else if (await agreeNow(source.path)) counts.alreadyThere++
    else {
      counts.conflicts++
      const reason = 'the blob is in both, with different content'
      findings.push({ kind: 'conflict', namespace: undefined, id: source.path, reason })
    }
  }

  async function found(blob: ListedBlob): Promise<void> {
    if (!context.dryRun) await context.onEqualBlob(blob)
    counts.alreadyThere++
  }

  async function copy({ path, etag, size }: ListedBlob): Promise<void> {
    if (context.dryRun) {
      if (await isDeletedInTarget({ path, etag })) {
        counts.deletedInTarget++
        return
      }
    } else {
      const sides = { source: context.source.blobs, target: context.target.blobs, isDeletedInTarget }
      const outcome = await copyBlob(sides, { path, etag }).catch(unlessMoved)
      if (outcome.kind === 'moved') moved++
      if (outcome.kind === 'deletedInTarget') counts.deletedInTarget++
      if (outcome.kind !== 'copied') return
      await context.onEqualBlob({ path, etag: outcome.blob.etag })
    }
    counts.copied++
    counts.bytes += size
  }

  /** A target that was emptied has none of its deletions either; and it may have got the blob only since they were listed. */
  async function isDeletedInTarget(blob: BlobVersion): Promise<boolean> {
    if (!(await context.wasBlobInTarget(blob))) return false
    const { blobs } = context.target
    return (await blobs.newest?.(blob.path)) !== NEVER_WRITTEN && (await blobs.get(blob.path)) === undefined
  }

  /** A change of both, made while they were listed, looks like a difference. */
  async function agreeNow(path: string): Promise<boolean> {
    const [source, target] = await Promise.all([
      context.source.blobs.get(path),
      context.target.blobs.get(path),
    ])
    return source?.etag === target?.etag
  }
}
