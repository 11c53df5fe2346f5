import type { Database } from 'better-sqlite3'

/**
 * Runs steps that fail at once while somebody else holds the lock they need: SQLite would wait by blocking the thread, and this
 * process should still read and answer.
 */
export function createWithoutWaiting(
  connection: Pick<Database, 'prepare'>,
  busyTimeoutMs: number,
): <T>(step: () => T) => T {
  const doNotWait = connection.prepare('pragma busy_timeout = 0')
  const waitAgain = connection.prepare(`pragma busy_timeout = ${busyTimeoutMs}`)
  return (step) => {
    try {
      doNotWait.get()
      return step()
    } finally {
      waitAgain.get()
    }
  }
}
