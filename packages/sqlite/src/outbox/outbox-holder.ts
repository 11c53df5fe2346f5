import { randomBytes } from 'node:crypto'
import type { OutboxHolder } from './outbox-port.ts'

/**
 * This process. Another one's death is noticed by its process id, so that its work goes on at once after a crash; the time
 * it started tells it from a later one with the same id, as every first process of a container has. One whose id cannot be
 * seen from here, in another container, counts as dead. Then both send, which the store's watermark makes harmless; but what
 * is refused is listed here while its caller is there to be told.
 */
export function createProcessHolder(): OutboxHolder {
  const startedAt = Math.round(performance.timeOrigin).toString(36)
  const own = `${process.pid}-${startedAt}-`
  return {
    name: `${own}${randomBytes(6).toString('hex')}`,
    isAlive(name) {
      const pid = Number.parseInt(name, 10)
      if (pid === process.pid) return name.startsWith(own)
      return Number.isSafeInteger(pid) && isRunning(pid)
    },
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
