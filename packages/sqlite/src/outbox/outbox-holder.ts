import { randomBytes } from 'node:crypto'
import type { OutboxHolder } from './outbox-port.ts'

/**
 * This process. Another one's death is noticed by its process id, so that its work goes on at once after a crash. When the
 * other is on another machine, or another process got its id, the lease's time limit decides; being wrong only means that
 * both send, which the store's watermark makes harmless.
 */
export function createProcessHolder(): OutboxHolder {
  return {
    name: `${process.pid}-${randomBytes(6).toString('hex')}`,
    isAlive(name) {
      const pid = Number.parseInt(name, 10)
      return Number.isSafeInteger(pid) && pid !== process.pid && isRunning(pid)
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
