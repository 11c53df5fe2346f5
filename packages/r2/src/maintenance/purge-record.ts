import { encodePathPart, partsPrefix, recordNotDeleted, UmbraError, withRetry } from '@umbra/core'
import type { ManifestEntry, PartPointer } from '@umbra/core'
import { copiesPrefix, storeHeadCopy } from '../manifest/head-copy.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { NamespaceManifest } from '../manifest/namespace-manifest.ts'
import { mayHold } from '../manifest/part-range.ts'
import { readGarbageChain } from './collect-garbage.ts'
import { mergeFrom } from './compact-namespace.ts'

/**
 * Removes what is left of a deleted record: see `StorageBackend.purge`. What a process that was killed in the middle of
 * its maintenance left behind is an orphan, and goes with the next collection.
 */
export async function purgeRecord(
  manifest: NamespaceManifest,
  id: string,
  context: ManifestContext,
): Promise<void> {
  const versions = (await manifest.read((snapshot) => snapshot.versionsOf([id]))) ?? []
  if (versions.length === 0) return
  const newest = versions.at(-1)
  if (newest?.op === 'put') throw recordNotDeleted(id)
  await deleteAll(await bodyKeys(versions, id, context), context)
  const rewritten = await rewriteParts(manifest, id, context)
  if (await hasLinesLeft(manifest, id)) throw notRewritten(id)
  await deleteCopies(manifest, context)
  await deleteAll(await replacedParts(manifest, context), context)
  await Promise.all(rewritten.map((part) => context.cache.forget(part)))
}

/**
 * Every object of the record, whether or not something refers to it: its revisions share the beginning of their names. One of
 * a later revision than the deletion is that of a record created anew, perhaps on its way to its commit.
 */
async function bodyKeys(
  versions: readonly ManifestEntry[],
  id: string,
  { objects }: ManifestContext,
): Promise<readonly string[]> {
  const folders = new Set(versions.map(({ key }) => key.slice(0, key.lastIndexOf('/') + 1)))
  const deletedAs = versions.at(-1)?.rev ?? 0
  const keys: string[] = []
  for (const folder of folders) {
    const prefix = `${folder}${encodePathPart(id)}`
    for await (const { key } of objects.list(prefix, { partialPrefix: true })) {
      const rev = revisionIn(key.slice(prefix.length))
      if (rev !== undefined && rev <= deletedAs) keys.push(key)
    }
  }
  return keys
}

/** `a.json` and `a~2-….json` are of record `a`; `ab.json` is not. */
function revisionIn(restOfKey: string): number | undefined {
  if (restOfKey.startsWith('.')) return 1
  const digits = /^~(\d+)-/.exec(restOfKey)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Merges from the oldest part that can have a line of the id on; resolves to every part that is referred to no more. */
async function rewriteParts(
  manifest: NamespaceManifest,
  id: string,
  context: ManifestContext,
): Promise<readonly PartPointer[]> {
  return mergeFrom(
    manifest,
    ({ version }) => {
      const place = version.head.parts.findIndex((part) => mayHold(part, id))
      return place === -1 ? undefined : place
    },
    context,
  )
}

/** Others may have been faster with every merge, and merged other parts than these. */
async function hasLinesLeft(manifest: NamespaceManifest, id: string): Promise<boolean> {
  const versions = (await manifest.read((snapshot) => snapshot.versionsOf([id]))) ?? []
  // What comes after the deletion is a record created anew.
  const deletion = versions.findLastIndex(({ op }) => op === 'del')
  return versions.slice(0, Math.max(0, deletion)).some(({ op }) => op === 'put')
}

/** Parts that were merged before, and wait for their grace to end. */
async function replacedParts(
  manifest: NamespaceManifest,
  context: ManifestContext,
): Promise<readonly string[]> {
  const { namespace } = manifest
  const head = (await manifest.snapshot())?.version.head
  const garbage = await readGarbageChain(namespace, head?.garbage, context)
  const prefix = partsPrefix(namespace)
  return garbage.flatMap(({ keys }) => keys.filter((key) => key.startsWith(prefix)))
}

/** Copies of older heads have the record's line in their tails. */
async function deleteCopies(manifest: NamespaceManifest, context: ManifestContext): Promise<void> {
  const head = (await manifest.snapshot())?.version.head
  const keys: string[] = []
  for await (const { key } of context.objects.list(copiesPrefix(manifest.namespace))) keys.push(key)
  if (head !== undefined) await storeHeadCopy(manifest.namespace, head, context)
  await deleteAll(keys, context)
}

async function deleteAll(keys: readonly string[], { objects, retry }: ManifestContext): Promise<void> {
  const { failed } = keys.length === 0 ? { failed: [] } : await objects.deleteMany(keys)
  // A store may say that it deleted and not have done so.
  const left = await Promise.all(
    keys.map(async (key) => ((await withRetry(() => objects.head(key), retry)) === undefined ? [] : [key])),
  )
  const remaining = [...new Set([...failed.map(({ key }) => key), ...left.flat()])]
  if (remaining.length === 0) return
  throw new UmbraError(
    'UNAVAILABLE',
    `the record is deleted, but ${remaining.length} of its objects could not be removed; delete it again with hard`,
    { details: { keys: remaining } },
  )
}

function notRewritten(id: string): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    `the record is deleted, but parts of the manifest still have its lines, because others merged them meanwhile; delete it again with hard. id=${id}`,
    { details: { id } },
  )
}
