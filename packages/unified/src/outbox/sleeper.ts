import type { Clock } from '@umbra/core'

/** A sleep that can be ended early. */
export class Sleeper {
  readonly #clock: Clock
  #running: AbortController | undefined
  #woken = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns at once when somebody called `wake` since the last sleep ended. */
  async sleep(delayMs: number): Promise<void> {
    if (!this.#woken && delayMs > 0) {
      const controller = new AbortController()
      this.#running = controller
      try {
        await this.#clock.sleep(delayMs, controller.signal)
      } catch (error) {
        if (!controller.signal.aborted) throw error
      }
      this.#running = undefined
    }
    this.#woken = false
  }

  wake(): void {
    this.#woken = true
    this.#running?.abort()
  }
}
