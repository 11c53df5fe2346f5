import type { ObjectStore } from '@umbra/core'

export interface RequestCounts {
  /** Writes of a manifest head. */
  headPuts: number
  /** Requests R2 bills as Class A: https://developers.cloudflare.com/r2/pricing/ */
  classA: number
}

/** Counts what an object store is asked. Multipart uploads count as one; nothing here is large enough for them. */
export function createCounter() {
  const counts: RequestCounts = { headPuts: 0, classA: 0 }
  const decorate = (objects: ObjectStore): ObjectStore => ({
    ...objects,
    put: (key, body, options) => {
      counts.classA++
      if (key.startsWith('manifests/')) counts.headPuts++
      return objects.put(key, body, options)
    },
    list: (prefix, options) => {
      counts.classA++
      return objects.list(prefix, options)
    },
  })
  return { counts, decorate }
}
