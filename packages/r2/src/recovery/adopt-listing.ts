import { namespacePath, tombstone, withRetry } from '@umbra/core'
import type { Namespace, ObjectInfo } from '@umbra/core'
import pLimit from 'p-limit'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { describeObject } from './describe-object.ts'
import { joinListing } from './join-listing.ts'
import type { ListedKey } from './join-listing.ts'
import { allGarbageReferences, doomedReferences, entryReferences } from './known-references.ts'
import { readEntries } from './read-entries.ts'
import type { RebuildDraft } from './rebuild-draft.ts'
import { withSortedReferences } from './sorted-references.ts'
import type { Reference } from './sorted-references.ts'

/** Unknown objects that are asked about at once, and how many are gathered before their ids are looked up. */
const MAX_REQUESTS = 32
const BATCH = 512

/** A record whose body is gone, or about to be: of a revision that was replaced or deleted in a version that is lost. */
type Outlived = Pick<Reference, 'id' | 'key'>

/**
 * Compares a draft with a listing of the namespace's bodies and adopts what only the listing knows. Returns the ids
 * found so. With `outdated` the draft is of an older version than the one that was lost: then records whose bodies were
 * deleted since are deleted in it too.
 */
export async function adoptListing(
  namespace: Namespace,
  { draft, outdated }: { readonly draft: RebuildDraft; readonly outdated: boolean },
  context: ManifestContext,
): Promise<readonly string[]> {
  const found = new Set<string>()
  const outlived: Outlived[] = []
  const batch: ObjectInfo[] = []
  const flush = async () => {
    for (const id of await adoptObjects(namespace, { objects: batch.splice(0), draft }, context))
      found.add(id)
  }
  await withSortedReferences(knownReferences(namespace, draft, context), context, async (sorted) => {
    const listing = context.objects.list(`${namespacePath(namespace)}/`)
    for await (const listed of joinListing(sorted, listing)) {
      if (isUnknown(listed)) batch.push(listed.object)
      else {
        if (isGivenUp(listed)) await draft.discard([listed.key])
        if (outdated) outlived.push(...(await findOutlived(listed, context)))
      }
      if (batch.length === BATCH) await flush()
    }
  })
  await flush()
  await bury(outlived, draft, context)
  return [...found]
}

async function* knownReferences(
  namespace: Namespace,
  draft: RebuildDraft,
  context: ManifestContext,
): AsyncGenerator<Reference> {
  yield* entryReferences(readEntries(namespace, draft.head, context))
  yield* allGarbageReferences(namespace, context)
  yield* doomedReferences(namespace, draft.discarded)
}

function isUnknown(listed: ListedKey): listed is ListedKey & { readonly object: ObjectInfo } {
  return listed.object !== undefined && listed.references.length === 0
}

/**
 * Given up by a list that perhaps nothing but the lost head referred to, or by a tombstone whose put was in a lost part:
 * no merge will come across it again.
 */
function isGivenUp({ object, references }: ListedKey): boolean {
  return object !== undefined && references.every(({ role }) => role === 'doomed' || role === 'deleted')
}

async function findOutlived(
  { key, object, references }: ListedKey,
  { objects, retry }: ManifestContext,
): Promise<readonly Outlived[]> {
  const live = references.filter(({ role }) => role === 'live')
  const isDoomed = references.some(({ role }) => role === 'doomed')
  if (live.length === 0 || (object !== undefined && !isDoomed)) return []
  const isThere = !isDoomed && (await withRetry(() => objects.head(key), retry)) !== undefined
  return isThere ? [] : live
}

async function adoptObjects(
  namespace: Namespace,
  { objects, draft }: { readonly objects: readonly ObjectInfo[]; readonly draft: RebuildDraft },
  context: ManifestContext,
): Promise<readonly string[]> {
  const limit = pLimit(MAX_REQUESTS)
  const described = await Promise.all(
    objects.map((object) => limit(() => describeObject(namespace, object, context))),
  )
  const entries = described.flatMap((found) => found ?? [])
  return (await draft.adopt(entries)).map(({ id }) => id)
}

/** Deletes them in the draft, unless a newer revision was found meanwhile. */
async function bury(
  outlived: readonly Outlived[],
  draft: RebuildDraft,
  { clock }: ManifestContext,
): Promise<void> {
  const at = new Date(clock.now()).toISOString()
  for (let start = 0; start < outlived.length; start += BATCH) {
    const some = outlived.slice(start, start + BATCH)
    const current = await draft.current(some.map(({ id }) => id))
    const tombstones = some.flatMap(({ id, key }) => {
      const entry = current.get(id)
      if (entry?.op !== 'put' || entry.key !== key) return []
      const expect = { kind: 'etag', etag: '' } as const
      return [{ entry: tombstone({ kind: 'delete', id, expect, at }, entry), storedAt: 0 }]
    })
    await draft.adopt(tombstones)
  }
}
