import { corruptManifest, partsPrefix, withRetry } from '@umbra/core'
import type { Namespace, ObjectStore, PartPointer, RetryContext } from '@umbra/core'
import type { OpenOptions, PartCache } from './part-cache.ts'
import { PartGone } from './part-gone.ts'
import type { LocalPart } from './run-format.ts'

export interface PartSource {
  readonly cache: PartCache
  readonly objects: ObjectStore
  readonly retry: RetryContext
}

/** A part on this machine, fetched when it is not there yet. Rejects with {@link PartGone} when the store has it no more. */
export async function openPart(
  namespace: Namespace,
  pointer: PartPointer,
  context: PartSource,
  options?: OpenOptions,
): Promise<LocalPart> {
  // A manifest must not lead out of its namespace, however it came to.
  if (!pointer.key.startsWith(partsPrefix(namespace)))
    throw corruptManifest(namespace, 'a part lies outside its namespace')
  // The whole fetch is repeated: a body that ends early says so only while it is read.
  const open = () => context.cache.open(pointer, () => fetchBody(pointer.key, context), options)
  const part = await withRetry(open, context.retry)
  if (part === undefined) throw new PartGone(pointer.key)
  return part
}

async function fetchBody(
  key: string,
  context: Pick<PartSource, 'objects'>,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const found = await context.objects.get(key)
  return found?.kind === 'found' ? found.body : undefined
}
