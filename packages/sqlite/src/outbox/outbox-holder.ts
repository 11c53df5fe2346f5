import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import type { OutboxHolder } from './outbox-port.ts'

/**
 * This process. Another one's death is noticed by its process id, so that its work goes on at once after a crash; the time
 * it started tells it from a later one with the same id, as every first process of a container has. The ids of another
 * container's processes cannot be seen from here.
 */
export function createProcessHolder(namespace = processNamespace()): OutboxHolder {
  const startedAt = Math.round(performance.timeOrigin).toString(36)
  const own = `${process.pid}-${namespace}-${startedAt}-`
  return {
    name: `${own}${randomBytes(6).toString('hex')}`,
    isAlive(name) {
      const [id = '', theirs] = name.split('-')
      if (theirs !== namespace) return undefined
      const pid = Number.parseInt(id, 10)
      if (pid === process.pid) return name.startsWith(own)
      return Number.isSafeInteger(pid) && isRunning(pid)
    },
  }
}

/** Within which process ids mean the same: on Linux each container has its own, elsewhere a machine has one. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/gu, '')
  } catch {
    return ''
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
