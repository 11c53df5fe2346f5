import { nextRevision, recordsExist } from '@umbra/core'
import type { ManifestEntry, PutMutation } from '@umbra/core'

export interface PlannedUpload {
  readonly mutation: PutMutation
  readonly rev: number
}

/**
 * The revision of every record, in order. Notes in `revisions` those of ids that may have been used before; ids minted for
 * their record have never been, and are not looked up.
 *
 * @param lookup - what the namespace says of ids
 * @throws `ALREADY_EXISTS` when an id is taken or occurs twice
 */
export async function* planUploads(
  batches: AsyncIterable<readonly PutMutation[]>,
  revisions: Map<string, number>,
  lookup: (ids: readonly string[]) => Promise<ReadonlyMap<string, ManifestEntry>>,
): AsyncGenerator<PlannedUpload, void, undefined> {
  for await (const batch of batches) {
    let handedOut = 0
    try {
      const current = await checkIds(batch, revisions, lookup)
      for (const mutation of batch) {
        const rev = nextRevision(current.get(mutation.draft.id), mutation.rev)
        if (mutation.freshId !== true) revisions.set(mutation.draft.id, rev)
        handedOut++
        yield { mutation, rev }
      }
    } finally {
      // Whoever took a record frees its body.
      await Promise.allSettled(batch.slice(handedOut).map(({ body }) => body.dispose()))
    }
  }
}

async function checkIds(
  batch: readonly PutMutation[],
  before: ReadonlyMap<string, number>,
  lookup: (ids: readonly string[]) => Promise<ReadonlyMap<string, ManifestEntry>>,
): Promise<ReadonlyMap<string, ManifestEntry>> {
  const given = batch.filter(({ freshId }) => freshId !== true).map(({ draft }) => draft.id)
  if (given.length === 0) return new Map()
  const seen = new Set<string>()
  const twice = given.filter((id) => before.has(id) || seen.size === seen.add(id).size)
  if (twice.length > 0) throw recordsExist(twice)
  const current = await lookup(given)
  const taken = given.filter((id) => current.get(id)?.op === 'put')
  if (taken.length > 0) throw recordsExist(taken)
  return current
}
