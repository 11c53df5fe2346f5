/** The operations that are running now. */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>()

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
}
