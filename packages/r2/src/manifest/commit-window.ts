import type { Clock } from '@umbra/core'

/**
 * Longest wait of an operation for others to share its commit, milliseconds. A quarter of R2's one-second interval
 * between two writes of a key, so it is never what limits a busy namespace there.
 */
const MAX_WAIT_MS = 250

/**
 * Of the uploads a group could wait for, those it does not: they go on while its head is written, so that neither side of the
 * connection stands still, and share the next commit. Fewer would leave gaps, more would make more commits.
 */
const LEFT_FOR_NEXT = 1 / 8

/**
 * Decides when a group of operations is complete. A group waits for most of the uploads that were already running when its
 * first operation was ready, since they will be ready in a moment too; it waits for none that start later. An idle namespace
 * has no such uploads, so its commit starts at once.
 */
export class CommitWindow {
  readonly #clock: Clock
  readonly #uploads = new Set<Promise<unknown>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts an upload as running until it settles. */
  async track<T>(upload: Promise<T>): Promise<T> {
    this.#uploads.add(upload)
    try {
      return await upload
    } finally {
      this.#uploads.delete(upload)
    }
  }

  /** Resolves when the group that opens now is complete. */
  async close(): Promise<void> {
    const running = [...this.#uploads]
    const awaited = running.length - Math.floor(running.length * LEFT_FOR_NEXT)
    if (awaited === 0) return
    const patience = new AbortController()
    const timeout = this.#clock.sleep(MAX_WAIT_MS, patience.signal).catch(() => undefined)
    await Promise.race([settledOf(running, awaited), timeout])
    patience.abort()
  }
}

/** Resolves when so many of them have settled. */
function settledOf(promises: readonly Promise<unknown>[], count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    const settle = () => {
      if (--left === 0) resolve()
    }
    for (const promise of promises) promise.then(settle, settle)
  })
}
