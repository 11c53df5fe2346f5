import { namespacePath, partsPrefix } from '@umbra/core'
import type { ManifestEntry, ManifestHead, Namespace } from '@umbra/core'
import { readGarbage } from '../manifest/garbage-list.ts'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import type { PlacedEntry } from './read-entries.ts'
import type { Reference } from './sorted-references.ts'

/** The objects that entries name, in the order of the entries. */
export async function* entryReferences(
  entries: AsyncIterable<PlacedEntry>,
): AsyncGenerator<Reference, void, undefined> {
  for await (const { entry, current } of entries) {
    const { key, id, size, rev, sha256 } = entry
    yield { key, role: roleOf(entry, current), id, size, rev, sha256 }
  }
}

function roleOf({ op }: ManifestEntry, current: boolean): Reference['role'] {
  if (op === 'del') return 'deleted'
  return current ? 'live' : 'replaced'
}

/** The bodies in a head's lists of objects to be deleted. */
export async function* garbageReferences(
  namespace: Namespace,
  { garbage }: Pick<ManifestHead, 'garbage'>,
  context: ManifestContext,
): AsyncGenerator<Reference, void, undefined> {
  for (let pointer = garbage; pointer !== undefined;) {
    const list = await readGarbage(namespace, pointer, context)
    yield* doomedReferences(namespace, list?.keys ?? [])
    pointer = list?.before
  }
}

/**
 * The same of every such list in the bucket, whether or not a head names it. A merge lists only bodies that were
 * replaced or deleted in a version that landed, so even a list nobody refers to tells what must not come back. One that is damaged says nothing; its
 * objects are then judged by their own metadata.
 */
export async function* allGarbageReferences(
  namespace: Namespace,
  context: ManifestContext,
): AsyncGenerator<Reference, void, undefined> {
  for await (const { key } of context.objects.list(`${partsPrefix(namespace)}g/`)) {
    const list = await readGarbage(namespace, { key }, context)
    yield* doomedReferences(namespace, list?.keys ?? [])
  }
}

/** Of these keys those of bodies. */
export function* doomedReferences(namespace: Namespace, keys: readonly string[]): Generator<Reference> {
  const folder = `${namespacePath(namespace)}/`
  for (const key of keys) {
    if (key.startsWith(folder)) yield { key, role: 'doomed', id: '', size: 0, rev: 1, sha256: '' }
  }
}
