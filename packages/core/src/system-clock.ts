import { setTimeout as sleepFor } from 'node:timers/promises'
import type { Clock } from './clock.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (delayMs, signal) => sleepFor(delayMs, undefined, { ...(signal && { signal }) }),
}
