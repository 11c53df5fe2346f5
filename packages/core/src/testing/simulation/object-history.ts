import { createHash } from 'node:crypto'

/** One state of a key: an object, or its absence after a deletion. */
export interface StoredVersion {
  readonly key: string
  /** From 1, counting deletions. */
  readonly number: number
  readonly kind: 'object' | 'deleted'
  /** Empty after a deletion. */
  readonly bytes: Uint8Array
  /** MD5 of the bytes in lower-case hex, as R2 has it for a plain PUT; empty after a deletion. */
  readonly etag: string
  readonly metadata: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  /** When it took effect: milliseconds since the simulation began. */
  readonly atMs: number
  /** The step in which it took effect. */
  readonly step: number
  /** The store's time, cut to whole seconds as stores do. */
  readonly lastModified: Date
  readonly by: Author
}

/** Who sent the request that had this effect. */
export interface Author {
  readonly process: string
  /** Number of the request in the story. */
  readonly request: number
  /** Labels of the operations the process was performing when it sent the request. */
  readonly operations: readonly string[]
}

export type NewVersion = Pick<
  StoredVersion,
  'kind' | 'bytes' | 'metadata' | 'contentType' | 'atMs' | 'step' | 'lastModified' | 'by'
>

/** Everything that ever was in the store. */
export interface StoreHistory {
  /** Every key that ever had an object, in order of their first writes. */
  keys(): readonly string[]
  /** Every version of a key, in order. */
  history(key: string): readonly StoredVersion[]
  /** The object under a key now. */
  current(key: string): StoredVersion | undefined
}

export class ObjectHistory implements StoreHistory {
  readonly #versions = new Map<string, StoredVersion[]>()

  keys(): readonly string[] {
    return [...this.#versions.keys()]
  }

  history(key: string): readonly StoredVersion[] {
    return this.#versions.get(key) ?? []
  }

  current(key: string): StoredVersion | undefined {
    const last = this.#versions.get(key)?.at(-1)
    return last?.kind === 'object' ? last : undefined
  }

  add(key: string, version: NewVersion): StoredVersion {
    const versions = this.#versions.get(key) ?? []
    if (versions.length === 0) this.#versions.set(key, versions)
    const etag = version.kind === 'object' ? createHash('md5').update(version.bytes).digest('hex') : ''
    const added = { ...version, key, etag, number: versions.length + 1 }
    versions.push(added)
    return added
  }
}
