import type { Clock } from '../../clock.ts'
import { never } from './simulated-process.ts'
import type { Life } from './simulated-process.ts'
import type { Scheduler } from './scheduler.ts'
import type { ProcessPlan } from './simulation-plan.ts'

export interface ClockContext {
  readonly scheduler: Scheduler
  readonly process: string
  readonly life: Life
  /** Milliseconds since the Unix epoch when the simulation began. */
  readonly startMs: number
}

/** A process's clock: it may be wrong and may be set, but what it waits for takes as long as it should. */
export function createSimulatedClock(
  plan: Pick<ProcessPlan<unknown>, 'skewMs' | 'clockJumps'>,
  { scheduler, process, life, startMs }: ClockContext,
): Clock {
  let sleeps = 0
  return {
    now: () =>
      plan.clockJumps.reduce(
        (nowMs, { atMs, byMs }) => (atMs <= scheduler.nowMs ? nowMs + byMs : nowMs),
        startMs + scheduler.nowMs + plan.skewMs,
      ),
    sleep: (delayMs, signal) => {
      if (life.isOver) return never()
      const name = `${process} wakes ${++sleeps}`
      return new Promise((resolve, reject) => {
        // As the caller's own reason, whatever it is.
        const abort = () => {
          cancel()
          reject(signal?.reason)
        }
        const wake = () => {
          signal?.removeEventListener('abort', abort)
          if (!life.isOver) resolve()
        }
        const cancel = scheduler.schedule({ kind: 'timer', delayMs, name, run: wake })
        if (signal?.aborted === true) abort()
        else signal?.addEventListener('abort', abort, { once: true })
      })
    },
  }
}
