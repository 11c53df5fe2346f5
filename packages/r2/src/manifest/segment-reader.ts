import type { ManifestEntry, Namespace, PartPointer } from '@umbra/core'
import { LRUCache } from 'lru-cache'
import { withPart } from './open-part.ts'
import type { PartSource } from './open-part.ts'

export interface SegmentEntries {
  /** Every entry, oldest first; an id may occur several times. */
  readonly all: readonly ManifestEntry[]
  /** The newest entry of each id. */
  readonly newest: ReadonlyMap<string, ManifestEntry>
}

/** Segments are small and asked for at every read, so the ones in use are kept in memory. */
export interface SegmentReader {
  /** Rejects with `PartGone` when the store has the segment no more. */
  read(namespace: Namespace, pointer: PartPointer): Promise<SegmentEntries>
}

/** Bytes of segments kept: the segments of some 80 busy namespaces. */
const MAX_BYTES = 64 * 1_024 ** 2

export function createSegmentReader(
  context: PartSource & {
    /** The bytes of a part on this machine. */
    readonly readFile: (path: string) => Promise<Uint8Array>
  },
): SegmentReader {
  const kept = new LRUCache<string, Promise<SegmentEntries>>({ maxSize: MAX_BYTES })

  const load = (namespace: Namespace, pointer: PartPointer): Promise<SegmentEntries> =>
    withPart(namespace, pointer, context, async ({ path }) => parseSegment(await context.readFile(path)))

  return {
    read(namespace, pointer) {
      const known = kept.get(pointer.key)
      if (known !== undefined) return known
      const loading = load(namespace, pointer)
      kept.set(pointer.key, loading, { size: Math.max(1, pointer.bytes) })
      loading.catch(() => kept.delete(pointer.key))
      return loading
    },
  }
}

function parseSegment(bytes: Uint8Array): SegmentEntries {
  const lines = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).trimEnd().split('\n')
  // The pointer's hash has shown that this library wrote the lines.
  const all = lines.map((line) => JSON.parse(line) as ManifestEntry)
  return { all, newest: new Map(all.map((entry) => [entry.id, entry])) }
}
