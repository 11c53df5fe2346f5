import { InFlight } from '@umbra/core'
import type { Clock } from '@umbra/core'

/**
 * Longest wait of an operation for others to share its commit, milliseconds. A quarter of R2's one-second interval
 * between two writes of a key, so it is never what limits a busy namespace there.
 */
const MAX_WAIT_MS = 250

/**
 * Decides when a group of operations is complete. A group waits for the uploads that were already running when its first
 * operation was ready, since they will be ready in a moment too; it waits for none that start later. An idle namespace
 * has no such uploads, so its commit starts at once.
 */
export class CommitWindow {
  readonly #clock: Clock
  readonly #uploads = new InFlight()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts an upload as running until it settles. */
  track<T>(upload: Promise<T>): Promise<T> {
    return this.#uploads.track(upload)
  }

  /** Resolves when the group that opens now is complete. */
  async close(): Promise<void> {
    if (this.#uploads.size === 0) return
    const patience = new AbortController()
    const timeout = this.#clock.sleep(MAX_WAIT_MS, patience.signal).catch(() => undefined)
    await Promise.race([this.#uploads.settled(), timeout])
    patience.abort()
  }
}
