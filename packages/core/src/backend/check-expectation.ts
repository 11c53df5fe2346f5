import {
  recordAlreadyExists,
  recordChanged,
  recordNotFound,
  recordNotOlder,
} from '../errors/record-errors.ts'
import type { UmbraError } from '../errors/umbra-error.ts'
import type { ManifestEntry } from '../records/manifest-entry.ts'
import { etagRevision, recordEtag } from '../records/record-etag.ts'
import { mutationId } from './mutation.ts'
import type { Mutation } from './mutation.ts'

/**
 * Why a mutation cannot be applied over the current entry (a tombstone or undefined when there is no live record),
 * or undefined when it can. The one rule all backends decide conflicts by.
 */
export function checkExpectation(
  mutation: Mutation,
  current: ManifestEntry | undefined,
  index: number,
): UmbraError | undefined {
  const id = mutationId(mutation)
  const live = current?.op === 'put' ? current : undefined
  if (mutation.expect.kind === 'older') {
    if (current === undefined) return undefined
    const isTaken = live !== undefined && mutation.expect.isLive === false
    if (current.rev < mutation.expect.rev && !isTaken) return undefined
    return recordNotOlder(id, { rev: current.rev, etag: live && recordEtag(live) }, index)
  }
  if (mutation.expect.kind === 'absent') {
    return live === undefined ? undefined : recordAlreadyExists(id, recordEtag(live), index)
  }
  if (live === undefined) return recordNotFound(id, index)
  const currentEtag = recordEtag(live)
  return currentEtag === mutation.expect.etag ? undefined : recordChanged(id, currentEtag, index)
}

/**
 * As {@link checkExpectation}, over a version that need not be the newest: a mutation that names a later one knows more than
 * we do, and is let through.
 */
export function checkAgainstSeen(
  mutation: Mutation,
  seen: ManifestEntry,
  index: number,
): UmbraError | undefined {
  const { expect } = mutation
  if (expect.kind === 'etag' && etagRevision(expect.etag) > seen.rev) return undefined
  return checkExpectation(mutation, seen, index)
}
