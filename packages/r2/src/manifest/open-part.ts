import { corruptManifest, hasErrorCode, partsPrefix, UmbraError, withRetry } from '@umbra/core'
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

/** Each means that it was fetched, and removed again by others, in the moment until it was read. */
const MAX_READS = 5

/** Opens a part and reads it: again when another process has made room in the cache in between. */
export async function withPart<T>(
  namespace: Namespace,
  pointer: PartPointer,
  context: PartSource,
  read: (part: LocalPart) => Promise<T>,
): Promise<T> {
  for (let reads = 1; ; reads++) {
    try {
      return await read(await openPart(namespace, pointer, context))
    } catch (error) {
      if (!isFileGone(error)) throw error
      if (reads === MAX_READS) throw noRoom(pointer, error)
    }
  }
}

/** What reads runs says so in our words, what reads segments in those of the system. */
function isFileGone(error: unknown): boolean {
  return (
    hasErrorCode(error, 'NOT_FOUND') || (error instanceof Error && 'code' in error && error.code === 'ENOENT')
  )
}

function noRoom({ key }: PartPointer, cause: unknown): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    `a part of the manifest is removed from the cache as soon as it is there; give the cache more room (UMBRA_CACHE_MAX_BYTES). key=${key}`,
    { cause, details: { key } },
  )
}

async function fetchBody(
  key: string,
  context: Pick<PartSource, 'objects'>,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const found = await context.objects.get(key)
  return found?.kind === 'found' ? found.body : undefined
}
