import { compareCodePoints } from '@umbra/core'
import type { ManifestEntry, ManifestHead, Namespace } from '@umbra/core'
import type { ManifestContext } from '../manifest/manifest-context.ts'
import { readPart } from './read-part.ts'

export interface PlacedEntry {
  readonly entry: ManifestEntry
  /** Nothing newer says something else of its id. */
  readonly current: boolean
}

interface Source {
  readonly iterator: AsyncIterator<ManifestEntry>
  next: ManifestEntry | undefined
}

/**
 * Every entry of a version, by id, the newest of an id first. Runs are sorted by id and read as they are merged; tail
 * and segments are bounded and sorted in memory: so memory does not grow with the number of entries.
 */
export async function* readEntries(
  namespace: Namespace,
  { parts, tail }: Pick<ManifestHead, 'parts' | 'tail'>,
  context: ManifestContext,
): AsyncGenerator<PlacedEntry, void, undefined> {
  const readers = parts.map((part) => {
    const entries = readPart(namespace, part, context)
    return part._ === 'run' ? entries : sortedById(entries)
  })
  readers.push(sortedById(tail.map(({ entry }) => entry)))
  // Newest first, so that the first source that has an id is the one that counts.
  const sources: Source[] = readers.toReversed().map((iterator) => ({ iterator, next: undefined }))
  try {
    for (const source of sources) await advance(source)
    for (let id = smallestId(sources); id !== undefined; id = smallestId(sources)) {
      yield* entriesOf(id, sources)
    }
  } finally {
    for (const { iterator } of sources) await iterator.return?.()
  }
}

async function* entriesOf(id: string, sources: readonly Source[]): AsyncGenerator<PlacedEntry> {
  let current = true
  for (const source of sources) {
    while (source.next?.id === id) {
      yield { entry: source.next, current }
      current = false
      await advance(source)
    }
  }
}

function smallestId(sources: readonly Source[]): string | undefined {
  let smallest: string | undefined
  for (const { next } of sources) {
    if (next !== undefined && (smallest === undefined || compareCodePoints(next.id, smallest) < 0))
      smallest = next.id
  }
  return smallest
}

async function advance(source: Source): Promise<void> {
  const { done, value } = await source.iterator.next()
  source.next = done === true ? undefined : value
}

/** The last of an id comes first: within a segment the later line counts. */
async function* sortedById(
  entries: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const collected: ManifestEntry[] = []
  for await (const entry of entries) collected.push(entry)
  yield* collected.reverse().sort((a, b) => compareCodePoints(a.id, b.id))
}
