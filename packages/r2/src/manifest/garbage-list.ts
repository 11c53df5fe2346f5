import { namespacePath, partsPrefix, withRetry } from '@umbra/core'
import type { GarbagePointer, Namespace } from '@umbra/core'
import { z } from 'zod'
import type { ManifestContext } from './manifest-context.ts'

/** Object keys in one list: some 10 MB. */
const MAX_KEYS = 100_000

const pointerSchema = z.object({ _: z.literal('gone'), key: z.string(), at: z.string() })

const headerSchema = z.object({
  _: z.literal('gone'),
  at: z.string(),
  /** The list before this one; null for the first, and after that was collected it is not there. */
  before: pointerSchema.nullable(),
})

const lineSchema = z.object({ key: z.string() })

export interface GarbageList {
  readonly before: GarbagePointer | undefined
  readonly keys: readonly string[]
}

/** Stores the names of objects that nothing will refer to once the returned pointer is in the head. */
export async function storeGarbage(
  namespace: Namespace,
  { keys, before }: { keys: AsyncIterable<string>; before: GarbagePointer | undefined },
  context: Pick<ManifestContext, 'objects' | 'retry' | 'clock' | 'ids'>,
): Promise<GarbagePointer> {
  let pointer = before
  let pending: string[] = []
  const store = async () => {
    pointer = await storeList(namespace, { before: pointer, keys: pending }, context)
    pending = []
    return pointer
  }
  for await (const key of keys) {
    pending.push(key)
    if (pending.length === MAX_KEYS) await store()
  }
  return store()
}

async function storeList(
  namespace: Namespace,
  { before, keys }: GarbageList,
  { objects, retry, clock, ids }: Pick<ManifestContext, 'objects' | 'retry' | 'clock' | 'ids'>,
): Promise<GarbagePointer> {
  const now = clock.now()
  const header: z.infer<typeof headerSchema> = {
    _: 'gone',
    at: new Date(now).toISOString(),
    before: before ?? null,
  }
  const key = `${partsPrefix(namespace)}g/${ids.next(now)}.jsonl`
  const lines = [JSON.stringify(header), ...keys.map((one) => JSON.stringify({ key: one }))]
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`)
  await withRetry(() => objects.put(key, bytes, { contentType: 'application/x-ndjson' }), retry)
  return { _: 'gone', key, at: header.at }
}

/**
 * Undefined when the list was collected already, and everything it names with it; also when it is not one of this namespace,
 * whole: no hash vouches for it, and what it names is deleted. What a damaged one named are orphans.
 */
export async function readGarbage(
  namespace: Namespace,
  { key }: Pick<GarbagePointer, 'key'>,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<GarbageList | undefined> {
  const bytes = await withRetry(async () => {
    const found = await objects.get(key)
    return found?.kind === 'found' ? found.bytes() : undefined
  }, retry)
  return bytes && parseGarbage(bytes, namespace)
}

function parseGarbage(bytes: Uint8Array, namespace: Namespace): GarbageList | undefined {
  const parts = partsPrefix(namespace)
  const isOwn = (key: string) => key.startsWith(parts) || key.startsWith(`${namespacePath(namespace)}/`)
  const [headerText = '', ...lines] = new TextDecoder().decode(bytes).trimEnd().split('\n')
  try {
    const { before } = headerSchema.parse(JSON.parse(headerText))
    const keys = lines.map((line) => lineSchema.parse(JSON.parse(line)).key)
    if (!keys.every(isOwn) || before?.key.startsWith(parts) === false) return undefined
    return { before: before ?? undefined, keys }
  } catch {
    // Whatever it is, it is not a list.
    return undefined
  }
}
