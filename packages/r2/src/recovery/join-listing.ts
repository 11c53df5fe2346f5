import { compareCodePoints } from '@umbra/core'
import type { ObjectInfo } from '@umbra/core'
import type { Reference } from './sorted-references.ts'

/** What refers to a key, and what the store has under it; at least one of them. */
export interface ListedKey {
  readonly key: string
  readonly object: ObjectInfo | undefined
  readonly references: readonly Reference[]
}

/** Merges a listing with references sorted by key. */
export async function* joinListing(
  references: AsyncIterable<Reference>,
  listing: AsyncIterable<ObjectInfo>,
): AsyncGenerator<ListedKey, void, undefined> {
  const referring = references[Symbol.asyncIterator]()
  const listed = listing[Symbol.asyncIterator]()
  let reference = await take(referring)
  let object = await take(listed)
  try {
    while (reference !== undefined || object !== undefined) {
      const key = smaller(reference?.key, object?.key)
      const found: Reference[] = []
      for (; reference?.key === key && reference !== undefined; reference = await take(referring))
        found.push(reference)
      const here = object?.key === key ? object : undefined
      yield { key, object: here, references: found }
      if (here !== undefined) object = await take(listed)
    }
  } finally {
    await referring.return?.()
    await listed.return?.()
  }
}

async function take<T>(iterator: AsyncIterator<T>): Promise<T | undefined> {
  const { done, value } = await iterator.next()
  return done === true ? undefined : value
}

function smaller(a: string | undefined, b: string | undefined): string {
  if (a === undefined || b === undefined) return a ?? b ?? ''
  return compareCodePoints(a, b) <= 0 ? a : b
}
