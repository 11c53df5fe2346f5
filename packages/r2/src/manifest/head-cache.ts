import type { BaseVersion, Namespace } from '@umbra/core'
import { isNewer, readHeadVersion } from './head-version.ts'
import type { ManifestContext } from './manifest-context.ts'

/** The newest version of one namespace's head that this process has seen, and the way to a newer one. */
export class HeadCache {
  readonly #namespace: Namespace
  readonly #context: ManifestContext
  #known: BaseVersion | undefined
  #running: Promise<BaseVersion | undefined> | undefined
  #waiting: Promise<BaseVersion | undefined> | undefined

  constructor(namespace: Namespace, context: ManifestContext) {
    this.#namespace = namespace
    this.#context = context
  }

  /** The newest version seen so far, possibly outdated; undefined when none was seen. */
  get known(): BaseVersion | undefined {
    return this.#known
  }

  /** Takes a version that was just written or read; an older one changes nothing. */
  advance(version: BaseVersion): void {
    if (this.#known === undefined || isNewer(version, this.#known)) this.#known = version
  }

  /**
   * The version as of a moment after this call; undefined when the namespace has none. Calls that come while a read is
   * running share the next one: a read that began before a call could miss a write acknowledged before it.
   */
  refresh(): Promise<BaseVersion | undefined> {
    if (this.#running === undefined) return this.#start()
    this.#waiting ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#waiting
  }

  #start(): Promise<BaseVersion | undefined> {
    this.#waiting = undefined
    const running = this.#read().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #read(): Promise<BaseVersion | undefined> {
    const read = await readHeadVersion(this.#namespace, this.#known, this.#context)
    if (read.kind === 'version') this.advance(read.version)
    return this.#known
  }
}
