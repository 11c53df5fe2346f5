import { createHash } from 'node:crypto'
import { UmbraError } from '@umbra/core'
import type { FoundObject, ObjectStore, PutOptions } from '@umbra/core'

/** What a fault does to one request. `apply`: the store does it. `answer`: the client is told. */
export type Fault =
  | 'none'
  /** Never reaches the store; the client sees a timeout. */
  | 'lost-request'
  /** Done, but the client sees a timeout. */
  | 'lost-answer'
  /** The client sees a timeout; the store does it some requests later. */
  | 'late'
  /** Reaches the store twice. */
  | 'duplicated'
  | 'rate-limited'
  | 'conflict'

export interface SimulatedStore extends ObjectStore {
  /** Every version a key has had, in order. */
  history(key: string): readonly Uint8Array[]
  /** Lets every request that is still on its way arrive. */
  settleLate(): void
}

interface Version {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly metadata: Readonly<Record<string, string>>
}

/** How many requests later a late one arrives. */
const LATENESS = 7

/**
 * An object store in memory that treats requests as a bad network would. Conditions are judged when a request takes
 * effect, as R2 does; it is the peer the protocol is tested against, not a stand-in for the adapter.
 */
export function createSimulatedStore(
  nextFault: (operation: 'put' | 'get', key: string) => Fault,
): SimulatedStore {
  const versions = new Map<string, Version[]>()
  const late: { due: number; run: () => void }[] = []
  let requests = 0

  const current = (key: string) => versions.get(key)?.at(-1)

  function arrive(): void {
    requests++
    for (const request of late.filter(({ due }) => due <= requests)) {
      late.splice(late.indexOf(request), 1)
      request.run()
    }
  }

  function applyPut(key: string, bytes: Uint8Array, options: PutOptions): string | undefined {
    const now = current(key)
    const holds =
      options.ifNoneMatch === '*'
        ? now === undefined
        : options.ifMatch === undefined || options.ifMatch === now?.etag
    if (!holds) return undefined
    const etag = createHash('md5').update(bytes).digest('hex')
    versions.set(key, [...(versions.get(key) ?? []), { bytes, etag, metadata: options.metadata ?? {} }])
    return etag
  }

  function failed(code: 'TIMEOUT' | 'RATE_LIMITED' | 'CONFLICT' | 'PRECONDITION_FAILED'): UmbraError {
    const outcome = code === 'PRECONDITION_FAILED' || code === 'CONFLICT' ? 'not-applied' : 'unknown'
    return new UmbraError(code, `simulated ${code}`, { details: { outcome } })
  }

  return {
    async put(key, body, options = {}) {
      arrive()
      await Promise.resolve()
      const bytes = body instanceof Uint8Array ? body : (body.bytes ?? new Uint8Array())
      const fault = nextFault('put', key)
      if (fault === 'lost-request') throw failed('TIMEOUT')
      if (fault === 'rate-limited') throw failed('RATE_LIMITED')
      if (fault === 'conflict') throw failed('CONFLICT')
      if (fault === 'late') {
        late.push({ due: requests + LATENESS, run: () => applyPut(key, bytes, options) })
        throw failed('TIMEOUT')
      }
      const etag = applyPut(key, bytes, options)
      if (fault === 'duplicated')
        late.push({ due: requests + LATENESS, run: () => applyPut(key, bytes, options) })
      if (fault === 'lost-answer') throw failed('TIMEOUT')
      if (etag === undefined) throw failed('PRECONDITION_FAILED')
      return { etag }
    },
    async get(key, options = {}) {
      arrive()
      await Promise.resolve()
      if (nextFault('get', key) === 'lost-request') throw failed('TIMEOUT')
      const found = current(key)
      if (found === undefined) return undefined
      return options.ifNoneMatch === found.etag ? { kind: 'not-modified' } : toFound(found)
    },
    async head(key) {
      const found = current(key)
      return found && toFound(found)
    },
    async delete(key) {
      versions.delete(key)
    },
    async deleteMany(keys) {
      for (const key of keys) versions.delete(key)
      return { deleted: [...keys], failed: [] }
    },
    async *list(prefix) {
      for (const key of [...versions.keys()].sort().filter((name) => name.startsWith(prefix))) {
        const found = current(key)
        if (found) yield { key, etag: found.etag, size: found.bytes.byteLength, lastModified: new Date(0) }
      }
    },
    async *listFolders() {},
    history: (key) => (versions.get(key) ?? []).map(({ bytes }) => bytes),
    settleLate: () => {
      for (const { run } of late.splice(0)) run()
    },
  }
}

function toFound({ bytes, etag, metadata }: Version): FoundObject {
  return {
    kind: 'found',
    etag,
    size: bytes.byteLength,
    metadata,
    contentType: undefined,
    lastModified: new Date(0),
    serverDate: new Date(0),
    body: (async function* () {
      yield bytes
    })(),
    bytes: async () => bytes,
  }
}
