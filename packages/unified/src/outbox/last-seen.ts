import type { Clock } from '@umbra/core'
import type { Outbox } from '@umbra/sqlite'

/** A moment at which the store was asked for the newest version of a namespace. */
export interface Sighting {
  /** Milliseconds since 1970. */
  readonly at: number
  /** What the version surely holds: every operation of the outbox up to this number. */
  readonly decidedTo: number
}

/** Most namespaces remembered: more than a store keeps the newest version of in memory, to answer without being asked. */
const MOST = 10_000

/** What this process saw last of each namespace. Others that share the outbox may have sent more since. */
export class LastSeen {
  readonly #outbox: Pick<Outbox, 'decidedTo'>
  readonly #clock: Clock
  readonly #isShared: boolean
  /** The longest not seen first. */
  readonly #sightings = new Map<string, Sighting>()
  #hasForgotten = false

  /** `isShared`: what the store answers without being asked is the same for every process on the outbox. */
  constructor(outbox: Pick<Outbox, 'decidedTo'>, clock: Clock, isShared: boolean) {
    this.#outbox = outbox
    this.#clock = clock
    this.#isShared = isShared
  }

  /** To be called before the store is asked. */
  look(path: string): Sighting {
    return { at: this.#clock.now(), decidedTo: this.#outbox.decidedTo(path) }
  }

  /** Asks the store for the newest version. */
  async seeing<T>(path: string, ask: () => Promise<T>): Promise<T> {
    const sighting = this.look(path)
    const answer = await ask()
    this.note(path, sighting)
    return answer
  }

  /** The store has answered. */
  note(path: string, sighting: Sighting): void {
    this.#sightings.delete(path)
    this.#sightings.set(path, sighting)
    if (this.#sightings.size <= MOST) return
    const [oldest] = this.#sightings.keys()
    if (oldest !== undefined) this.#sightings.delete(oldest)
    this.#hasForgotten = true
  }

  /** Milliseconds since 1970; undefined when it was never seen, or when so many others were since that it is forgotten. */
  at(path: string): number | undefined {
    return this.#sightings.get(path)?.at
  }

  /** Whether it may have been seen before. */
  mayHaveSeen(path: string): boolean {
    return this.#hasForgotten || this.#sightings.has(path)
  }

  /** The operations after this number may be missing in what was seen last. */
  decidedTo(path: string): number {
    return this.#isShared ? Infinity : (this.#sightings.get(path)?.decidedTo ?? 0)
  }
}
