import { setImmediate } from 'node:timers/promises'

/** Fewer would leave the store idle no shorter, and every turn has a price of its own. */
export const CALLERS_PER_TURN = 8

/**
 * Lets only a few callers pass in one turn of the event loop; a caller that comes alone passes at once. The SDK prepares
 * a request in one go and its bytes leave only when nothing else is left to do in that turn, so of many requests that
 * start together none would leave before the last is prepared, while the store has nothing to do.
 */
export function createFewPerTurn(): () => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve()
  let passed = 0
  return async () => {
    const mine = turn
    passed++
    if (passed % CALLERS_PER_TURN === 0) turn = mine.then(() => setImmediate())
    await mine
  }
}
