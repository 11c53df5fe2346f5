import { namespacePath, withRetry } from '@umbra/core'
import type { CheckOptions, Namespace, NamespaceProblem, ObjectInfo } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { forEachBounded } from './for-each-bounded.ts'
import { hashBody } from './hash-body.ts'
import { joinListing } from './join-listing.ts'
import type { ListedKey } from './join-listing.ts'
import { withSortedReferences } from './sorted-references.ts'
import type { Reference } from './sorted-references.ts'

/** Bodies downloaded at once. */
const MAX_DOWNLOADS = 8

export interface BodyReport {
  readonly problems: readonly NamespaceProblem[]
  readonly orphans: { readonly count: number; readonly bytes: number }
}

/**
 * Compares the bodies that entries name with a listing of the namespace's folder: one Class A request per 1,000 objects,
 * and none per record unless `deep`.
 */
export async function checkBodies(
  namespace: Namespace,
  { references, deep = false }: CheckOptions & { readonly references: AsyncIterable<Reference> },
  context: ManifestContext,
): Promise<BodyReport> {
  const problems: NamespaceProblem[] = []
  const orphans = { count: 0, bytes: 0 }
  // Younger ones may be uploads whose commit is still running.
  const settledBefore = context.clock.now() - context.limits.graceMs
  const check = async ({ object, references: found }: ListedKey) => {
    const live = found.find(({ role }) => role === 'live')
    if (live !== undefined) problems.push(...(await checkBody(live, { object, deep }, context)))
    else if (object !== undefined && found.length === 0 && object.lastModified.getTime() <= settledBefore) {
      orphans.count++
      orphans.bytes += object.size
    }
  }
  await withSortedReferences(references, context, async (sorted) => {
    const listing = context.objects.list(`${namespacePath(namespace)}/`)
    await forEachBounded(joinListing(sorted, listing), MAX_DOWNLOADS, check)
  })
  return { problems, orphans }
}

async function checkBody(
  { key, id, size, sha256 }: Reference,
  { object, deep }: CheckOptions & { readonly object: ObjectInfo | undefined },
  context: ManifestContext,
): Promise<readonly NamespaceProblem[]> {
  // Asked for by its key: a listing may have passed the place before the object came.
  const found = object ?? (await withRetry(() => context.objects.head(key), context.retry))
  if (found === undefined) return [missing(id, key)]
  if (found.size !== size) return [damaged(id, `it has ${found.size} bytes instead of ${size}`, key)]
  if (deep !== true || sha256 === '') return []
  const stored = await hashBody(key, context)
  if (stored === undefined) return [missing(id, key)]
  return stored.sha256 === sha256 ? [] : [damaged(id, 'its content has another hash', key)]
}

function missing(id: string, key: string): NamespaceProblem {
  const message = `the body of record ${id} is gone; put the object ${key} back from a backup, or delete the record, then run \`umbra fsck\``
  return { kind: 'body-missing', subject: id, message }
}

function damaged(id: string, reason: string, key: string): NamespaceProblem {
  const message = `the body of record ${id} is damaged (${reason}); put the object ${key} back from a backup, or store the record again, then run \`umbra fsck\``
  return { kind: 'body-damaged', subject: id, message }
}
