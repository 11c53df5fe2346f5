import type { WorkerEvent } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'

/** Milliseconds; when nothing goes on, nobody waits for ever. */
const MAX_QUIET_MS = 20_000

export interface TryCounter {
  hear(event: WorkerEvent): void
  /** Resolves when so many writes have been begun. */
  reached(count: number): Promise<void>
}

export function createTryCounter(): TryCounter {
  let begun = 0
  let waiting: { readonly count: number; readonly wake: () => void } | undefined
  return {
    hear: ({ event }) => {
      if (event === 'try') begun++
      if (waiting !== undefined && begun >= waiting.count) waiting.wake()
    },
    reached: (count) =>
      new Promise((resolve) => {
        const timer = setTimeout(wake, MAX_QUIET_MS)
        function wake(): void {
          clearTimeout(timer)
          waiting = undefined
          resolve()
        }
        waiting = { count, wake }
        if (begun >= count) wake()
      }),
  }
}
