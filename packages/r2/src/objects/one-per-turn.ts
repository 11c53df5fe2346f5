import { setImmediate } from 'node:timers/promises'

/**
 * Lets callers pass one per turn of the event loop; a caller that comes alone passes at once. The SDK prepares a request
 * in one go and its bytes leave only when nothing else is left to do in that turn, so of many requests that start
 * together none would leave before the last is prepared, while the store has nothing to do.
 */
export function createOnePerTurn(): () => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve()
  return async () => {
    const mine = turn
    turn = mine.then(() => setImmediate())
    await mine
  }
}
