import { recordsExist } from '../errors/record-errors.ts'
import { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import { addSums } from './live-sum.ts'
import type { ManifestHead } from './manifest-head.ts'
import type { PartPointer } from './part-pointer.ts'
import { isFreshUpload } from './upload-freshness.ts'

/** New records that were written as a run at once, and that one version of the head adds: all of them or none. */
export interface AppendedRun {
  /** The stored run; which version adds it, and so its `seq`, is known only when it is planned. */
  readonly part: Omit<PartPointer, 'seq'>
  /** The revision of every id in the run that may have been used before; ids minted for their record need not be here. */
  readonly revisions: ReadonlyMap<string, number>
  /** When the oldest of the run and of the bodies it names was stored: ISO 8601, UTC. */
  readonly uploadedAt: string
}

/**
 * Why a run cannot be added to a head, or undefined when it can.
 *
 * @param current - what the head says of the ids in `revisions`
 */
export function findAppendObstacle(
  { revisions, uploadedAt }: AppendedRun,
  current: ReadonlyMap<string, ManifestEntry>,
  { floor, clockSkewMs }: { readonly floor: string | null; readonly clockSkewMs: number | undefined },
): UmbraError | undefined {
  const taken = [...revisions.keys()].filter((id) => current.get(id)?.op === 'put')
  if (taken.length > 0) return recordsExist(taken)
  // Created and deleted while the run was written: its revisions were counted from what was there before.
  const outdated = [...revisions].filter(([id, rev]) => rev <= (current.get(id)?.rev ?? 0))
  const isLate = !isFreshUpload(uploadedAt, floor, clockSkewMs)
  if (outdated.length === 0 && !isLate) return undefined
  const reason = isLate
    ? 'it took so long that its bodies may be gone'
    : 'ids were used and deleted meanwhile'
  return new UmbraError('CONFLICT', `the import was outdated and nothing of it was applied: ${reason}`, {
    details: { outcome: 'not-applied', ids: outdated.map(([id]) => id) },
  })
}

/** The head with the run as its newest part. What the tail says would hide it, so the tail must have been sealed. */
export function appendRun(head: ManifestHead, { part }: AppendedRun, seq: number): ManifestHead {
  if (head.tail.length > 0)
    throw new UmbraError('INTERNAL', 'a run was appended to a head whose tail is not sealed')
  const header = {
    ...head.header,
    live: head.header.live + part.rows - part.dels,
    sum: addSums(head.header.sum, part.sum),
  }
  return { ...head, header, parts: [...head.parts, { ...part, seq: [seq, seq] }] }
}
