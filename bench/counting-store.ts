import type { ObjectStore } from '@umbra/core'

export interface RequestCounts {
  /** Writes of a manifest head. */
  headPuts: number
  /** Writes of records' bodies. */
  dataPuts: number
  /** Requests R2 bills as Class A: https://developers.cloudflare.com/r2/pricing/ */
  classA: number
  /** Requests R2 bills as Class B. */
  classB: number
  /** Bytes written to `manifests/` and `manifests.d/`. */
  manifestBytes: number
  /** Bytes written to anything else. */
  dataBytes: number
  /** Bytes of the objects that were read; nothing here reads a range of one. */
  readBytes: number
}

const NOTHING: RequestCounts = {
  headPuts: 0,
  dataPuts: 0,
  classA: 0,
  classB: 0,
  manifestBytes: 0,
  dataBytes: 0,
  readBytes: 0,
}

/** Counts what an object store is asked. Multipart uploads count as one; nothing here is large enough for them. */
export function createCounter() {
  const counts: RequestCounts = { ...NOTHING }
  const decorate = (objects: ObjectStore): ObjectStore => ({
    ...objects,
    put: (key, body, options) => {
      counts.classA++
      const bytes = body instanceof Uint8Array ? body.byteLength : body.size
      const isManifest = key.startsWith('manifests/') || key.startsWith('manifests.d/')
      if (isManifest) counts.manifestBytes += bytes
      else {
        counts.dataPuts++
        counts.dataBytes += bytes
      }
      if (key.startsWith('manifests/')) counts.headPuts++
      return objects.put(key, body, options)
    },
    list: (prefix, options) => {
      counts.classA++
      return objects.list(prefix, options)
    },
    get: async (key, options) => {
      counts.classB++
      const object = await objects.get(key, options)
      if (object?.kind === 'found') counts.readBytes += object.size
      return object
    },
    head: (key) => {
      counts.classB++
      return objects.head(key)
    },
  })
  return { counts, decorate, reset: () => Object.assign(counts, NOTHING) }
}
