import { setTimeout as pause } from 'node:timers/promises'
import type { StoppableR2 } from './stoppable-r2.fixture.ts'

const UP_MS = 1_500
const DOWN_MS = 700

/** Does something while the server goes and comes; it is there at the end. */
export async function whileFlapping(r2: StoppableR2, work: () => Promise<unknown>): Promise<void> {
  const done = new AbortController()
  const flapping = (async () => {
    while (!done.signal.aborted) {
      await pause(UP_MS)
      await r2.stop()
      await pause(DOWN_MS)
      await r2.start()
    }
  })()
  try {
    await work()
  } finally {
    done.abort()
    await flapping
  }
}
