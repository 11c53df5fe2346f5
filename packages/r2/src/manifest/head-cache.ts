import { ANY_AGE, UmbraError } from '@umbra/core'
import type { BaseVersion, Namespace } from '@umbra/core'
import { isNewer, readHeadVersion } from './head-version.ts'
import type { ManifestContext } from './manifest-context.ts'
import { Snapshot } from './snapshot.ts'

/** The newest version of one namespace that this process has seen, and the way to a newer one. */
export class HeadCache {
  readonly #namespace: Namespace
  readonly #context: ManifestContext
  #known: Snapshot | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #running: Promise<Snapshot | undefined> | undefined
  #waiting: Promise<Snapshot | undefined> | undefined

  constructor(namespace: Namespace, context: ManifestContext) {
    this.#namespace = namespace
    this.#context = context
  }

  /** The newest version seen so far, possibly outdated; undefined when none was seen. */
  get known(): Snapshot | undefined {
    return this.#known
  }

  /** Takes a version that was just written or read; an older one changes nothing. */
  advance(version: BaseVersion): void {
    if (this.#known === undefined || isNewer(version, this.#known.version))
      this.#known = new Snapshot(this.#namespace, version, this.#context)
  }

  /**
   * The version as of a moment after this call; undefined when the namespace has none. Calls that come while a read is
   * running share the next one: a read that began before a call could miss a write acknowledged before it.
   */
  refresh(): Promise<Snapshot | undefined> {
    if (this.#running === undefined) return this.#start()
    this.#waiting ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#waiting
  }

  /** The version as of some moment in the last `maxAgeMs`. */
  async bounded(maxAgeMs: number): Promise<Snapshot | undefined> {
    if (maxAgeMs >= ANY_AGE && this.#known !== undefined) return this.#known
    if (maxAgeMs === Infinity) return this.#knownToBeNone()
    const ageMs = this.#context.clock.now() - this.#checkedAt
    // A clock that was set back must not make an old version young.
    // Never having looked is no knowledge, however old an answer may be.
    return ageMs >= 0 && ageMs <= maxAgeMs ? this.#known : this.refresh()
  }

  #knownToBeNone(): undefined {
    if (this.#checkedAt !== Number.NEGATIVE_INFINITY) return undefined
    throw new UmbraError(
      'UNAVAILABLE',
      'nothing of the namespace was seen before, and the store is not asked',
    )
  }

  #start(): Promise<Snapshot | undefined> {
    this.#waiting = undefined
    const running = this.#read().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #read(): Promise<Snapshot | undefined> {
    const startedAt = this.#context.clock.now()
    const read = await readHeadVersion(this.#namespace, this.#known?.version, this.#context)
    if (read.kind === 'version') this.advance(read.version)
    this.#checkedAt = startedAt
    return this.#known
  }
}
