import { partsPrefix, withRetry } from '@umbra/core'
import type { GarbagePointer, Namespace } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'

/** Object keys in one list: some 10 MB. */
const MAX_KEYS = 100_000

interface ListHeader {
  readonly _: 'gone'
  readonly at: string
  /** The list before this one; null for the first, and after that was collected it is not there. */
  readonly before: GarbagePointer | null
}

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
  const header: ListHeader = { _: 'gone', at: new Date(now).toISOString(), before: before ?? null }
  const key = `${partsPrefix(namespace)}g/${ids.next(now)}.jsonl`
  const lines = [JSON.stringify(header), ...keys.map((one) => JSON.stringify({ key: one }))]
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`)
  await withRetry(() => objects.put(key, bytes, { contentType: 'application/x-ndjson' }), retry)
  return { _: 'gone', key, at: header.at }
}

/** Undefined when the list was collected already, and everything it names with it. */
export async function readGarbage(
  { key }: GarbagePointer,
  { objects, retry }: Pick<ManifestContext, 'objects' | 'retry'>,
): Promise<GarbageList | undefined> {
  const bytes = await withRetry(async () => {
    const found = await objects.get(key)
    return found?.kind === 'found' ? found.bytes() : undefined
  }, retry)
  if (bytes === undefined) return undefined
  const [headerText = '{}', ...lines] = new TextDecoder().decode(bytes).trimEnd().split('\n')
  const { before } = JSON.parse(headerText) as ListHeader
  return { before: before ?? undefined, keys: lines.map((line) => (JSON.parse(line) as { key: string }).key) }
}
