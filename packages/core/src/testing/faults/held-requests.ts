import type { Clock } from '../../clock.ts'

/** Requests and answers that wait until others have overtaken them. */
export interface HeldRequests {
  /** Resolves to true when its turn has come, to false when it never will. */
  hold(afterRequests: number): Promise<boolean>
  /** Another request was answered. */
  overtake(): void
  /** Lets everything go that still waits. */
  release(): void
  /** Drops everything that still waits. */
  drop(): void
}

/** When nobody overtakes, the wait ends all the same, so that a quiet store does not hang its only client. */
const MAX_HOLD_MS = 1_000

interface Waiter {
  left: number
  readonly finish: (go: boolean) => void
}

export function createHeldRequests(clock: Clock): HeldRequests {
  const waiters = new Set<Waiter>()
  const finishAll = (go: boolean): void => {
    for (const waiter of waiters) waiter.finish(go)
  }
  return {
    hold: (afterRequests) =>
      new Promise((resolve) => {
        const timeout = new AbortController()
        const waiter: Waiter = {
          left: afterRequests,
          finish: (go) => {
            waiters.delete(waiter)
            timeout.abort()
            resolve(go)
          },
        }
        waiters.add(waiter)
        clock.sleep(MAX_HOLD_MS, timeout.signal).then(
          () => waiter.finish(true),
          // Aborted: it has gone already.
          () => {},
        )
      }),
    overtake: () => {
      for (const waiter of waiters) if (--waiter.left <= 0) waiter.finish(true)
    },
    release: () => finishAll(true),
    drop: () => finishAll(false),
  }
}
