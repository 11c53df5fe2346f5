import type { BaseVersion, ManifestEntry, Namespace, PartPointer } from '@umbra/core'
import type { ManifestContext } from './manifest-context.ts'
import { withPart } from './open-part.ts'
import { mayHold } from './part-range.ts'
import type { LocalPart } from './run-format.ts'

/**
 * One version of a namespace: its verified head and the immutable parts behind it, which are fetched as they are needed.
 * Reads reject with `PartGone` when the version is so old that its parts were collected.
 */
export class Snapshot {
  readonly namespace: Namespace
  readonly version: BaseVersion
  /** When this process first saw the version, by its own clock: milliseconds since the epoch. */
  readonly seenAt: number
  readonly #context: ManifestContext
  #tail: ReadonlyMap<string, ManifestEntry> | undefined
  #waiting: Set<string> | undefined
  #lookup: Promise<ReadonlyMap<string, ManifestEntry>> | undefined

  constructor(namespace: Namespace, version: BaseVersion, context: ManifestContext) {
    this.namespace = namespace
    this.version = version
    this.seenAt = context.clock.now()
    this.#context = context
  }

  /** The newest entry of each id in the tail. */
  get tail(): ReadonlyMap<string, ManifestEntry> {
    this.#tail ??= new Map(this.version.head.tail.map(({ entry }) => [entry.id, entry]))
    return this.#tail
  }

  /**
   * The current entry of each id that has one, tombstones included. Reads only the parts an id can be in.
   *
   * @param since - only what changed after this version
   */
  async lookup(ids: Iterable<string>, since = 0): Promise<ReadonlyMap<string, ManifestEntry>> {
    const found = new Map<string, ManifestEntry>()
    const missing = new Set(ids)
    const take = (entries: ReadonlyMap<string, ManifestEntry>) => {
      for (const id of missing) {
        const entry = entries.get(id)
        if (entry === undefined) continue
        found.set(id, entry)
        missing.delete(id)
      }
    }
    take(this.tail)
    for (const part of this.version.head.parts.toReversed()) {
      if (part.seq[1] <= since) continue
      const possible = [...missing].filter((id) => mayHold(part, id))
      if (possible.length > 0) take(await this.entriesIn(part, possible))
    }
    return found
  }

  /** The same for one id. Calls that come while a lookup is running share the next one: a query each would cost more. */
  async lookupOne(id: string): Promise<ManifestEntry | undefined> {
    const known = this.tail.get(id)
    if (known !== undefined || this.version.head.parts.length === 0) return known
    return (await this.#join(id)).get(id)
  }

  /** Of the given ids the newest entries in one part. */
  async entriesIn(part: PartPointer, ids: readonly string[]): Promise<ReadonlyMap<string, ManifestEntry>> {
    if (part._ === 'seg') return (await this.#context.segments.read(this.namespace, part)).newest
    return this.use(part, (local) => this.#context.runs.lookup(local, ids))
  }

  /** Every entry of the given ids in any part and in the tail, oldest first: replaced ones too. */
  async versionsOf(ids: readonly string[]): Promise<readonly ManifestEntry[]> {
    const wanted = new Set(ids)
    const inParts = this.version.head.parts.map(async (part) => {
      const possible = ids.filter((id) => mayHold(part, id))
      if (possible.length === 0) return []
      if (part._ === 'run') return [...(await this.entriesIn(part, possible)).values()]
      return (await this.#context.segments.read(this.namespace, part)).all.filter(({ id }) => wanted.has(id))
    })
    const inTail = this.version.head.tail.flatMap(({ entry }) => (wanted.has(entry.id) ? [entry] : []))
    return [...(await Promise.all(inParts)).flat(), ...inTail]
  }

  /** Reads a part on this machine. */
  async use<T>(part: PartPointer, read: (local: LocalPart) => Promise<T>): Promise<T> {
    this.#context.runs.prepare?.()
    return withPart(this.namespace, part, this.#context, read)
  }

  #join(id: string): Promise<ReadonlyMap<string, ManifestEntry>> {
    if (this.#waiting === undefined) {
      const waiting = new Set<string>()
      this.#waiting = waiting
      const before = this.#lookup ?? Promise.resolve()
      this.#lookup = settled(before).then(() => {
        this.#waiting = undefined
        return this.lookup(waiting)
      })
    }
    this.#waiting.add(id)
    return this.#lookup ?? Promise.resolve(new Map())
  }
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise])
}
