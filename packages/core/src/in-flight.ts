/** The operations that are running now. */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()

  /** Aborted by {@link end}: what would wait for long stops waiting. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  get size(): number {
    return this.#running.size
  }

  /** Counts an operation as running until it settles; passes its result on. */
  async track<T>(operation: Promise<T>): Promise<T> {
    this.#running.add(operation)
    try {
      return await operation
    } finally {
      this.#running.delete(operation)
    }
  }

  /** Resolves when everything running now has settled, one way or the other. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  /** Resolves when everything running now has settled, without long waits. */
  async end(): Promise<void> {
    this.#ending.abort()
    await this.settled()
  }
}
