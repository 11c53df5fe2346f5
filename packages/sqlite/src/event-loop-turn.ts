import { setImmediate } from 'node:timers/promises'

/**
 * Lets timers, sockets and queued writes run first. SQLite answers at once, so without this a loop of reads would never
 * leave the microtask queue, and nothing else in the process would run until it ends.
 */
export function eventLoopTurn(): Promise<void> {
  return setImmediate()
}
