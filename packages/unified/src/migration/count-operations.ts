import type { ObjectStore } from '@umbra/core'
import pLimit from 'p-limit'

/** Requests by what R2 bills them as: https://developers.cloudflare.com/r2/pricing/ */
export interface OperationCounts {
  /** Writes and listings. */
  readonly classA: number
  /** Reads. */
  readonly classB: number
}

export interface OperationMeter {
  /** To put around an object store. */
  readonly decorate: (objects: ObjectStore) => ObjectStore
  counts(): OperationCounts
}

/** Objects a listing names in one request. */
const LIST_PAGE_SIZE = 1_000

/**
 * Counts what a bucket is asked, and lets no more than `concurrency` objects be written or read at the same time. An
 * estimate: it does not see repeated requests nor the parts of large bodies.
 */
export function createOperationMeter(concurrency: number): OperationMeter {
  let classA = 0
  let classB = 0
  const limit = pLimit(concurrency)

  async function* counted<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    let listed = 0
    for await (const item of items) {
      if (listed++ % LIST_PAGE_SIZE === 0) classA++
      yield item
    }
    if (listed === 0) classA++
  }

  return {
    counts: () => ({ classA, classB }),
    decorate: (objects) => ({
      put: (key, body, options) => {
        classA++
        return limit(() => objects.put(key, body, options))
      },
      get: (key, options) => {
        classB++
        return limit(() => objects.get(key, options))
      },
      async head(key) {
        classB++
        const found = await objects.head(key)
        // A GET has made sure of it.
        if (found === undefined) classB++
        return found
      },
      list: (prefix, options) => counted(objects.list(prefix, options)),
      listFolders: (prefix) => counted(objects.listFolders(prefix)),
      // Deletions are free.
      delete: (key) => objects.delete(key),
      deleteMany: (keys) => objects.deleteMany(keys),
    }),
  }
}
