import { UmbraError } from '@umbra/core'
import type { Clock } from '@umbra/core'
import type { Database } from 'better-sqlite3'
import { isBusy, toCommitError, toUmbraError } from './sqlite-error.ts'
import { createWithoutWaiting } from './without-waiting.ts'

/** Runs changes that arrive together in one transaction, so that they share the wait for the disk. */
export interface GroupTransaction {
  /**
   * Runs `work` in a savepoint of its own: when it throws, its changes alone are undone and the promise rejects with
   * what it threw. Resolves once the changes are committed.
   */
  run<T>(work: () => T): Promise<T>
}

interface QueuedWork {
  /** Throws only when the whole transaction is lost. */
  execute(): void
  /** Tells the caller; `lost` when the transaction did not commit. */
  settle(lost?: Error): void
}

export interface GroupTransactionOptions {
  /** How long to wait for the write lock of other processes, milliseconds. */
  readonly busyTimeoutMs: number
  readonly clock: Clock
}

/** Between two tries for the write lock. Ours: other processes hold it for a few milliseconds. */
const LOCK_RETRY_MS = 2

export function createGroupTransaction(
  connection: Pick<Database, 'prepare' | 'inTransaction' | 'open'>,
  { busyTimeoutMs, clock }: GroupTransactionOptions,
): GroupTransaction {
  const withoutWaiting = createWithoutWaiting(connection, busyTimeoutMs)
  const begin = connection.prepare('begin immediate')
  const commit = connection.prepare('commit')
  const rollback = connection.prepare('rollback')
  const savepoint = connection.prepare('savepoint one')
  const release = connection.prepare('release one')
  const undo = connection.prepare('rollback to one')
  let queue: QueuedWork[] = []

  function flush(waitedMs: number): void {
    const refusal = tryBegin()
    if (isBusy(refusal) && waitedMs < busyTimeoutMs) {
      void clock.sleep(LOCK_RETRY_MS).then(() => flush(waitedMs + LOCK_RETRY_MS))
      return
    }
    const group = queue
    queue = []
    const lost = refusal === undefined ? commitGroup(group) : toUmbraError(refusal)
    for (const work of group) work.settle(lost)
  }

  function tryBegin(): unknown {
    // Closed meanwhile: this runs from the event loop, where nobody could catch it.
    if (!connection.open) return new UmbraError('UNAVAILABLE', 'the database is closed')
    try {
      withoutWaiting(() => begin.run())
      return undefined
    } catch (error) {
      return error
    }
  }

  function commitGroup(group: readonly QueuedWork[]): Error | undefined {
    try {
      for (const work of group) work.execute()
    } catch (error) {
      return abandon(toUmbraError(error))
    }
    try {
      commit.run()
      return undefined
    } catch (error) {
      return abandon(toCommitError(error))
    }
  }

  function abandon(lost: Error): Error {
    if (connection.inTransaction) rollback.run()
    return lost
  }

  return {
    run: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        let tell = () => {}
        const execute = () => {
          savepoint.run()
          try {
            const value = work()
            release.run()
            tell = () => resolve(value)
          } catch (error) {
            // A full disk and the like end the whole transaction at once; then there is no savepoint to go back to.
            if (!connection.inTransaction) throw error
            undo.run()
            release.run()
            tell = () => reject(toUmbraError(error))
          }
        }
        queue.push({ execute, settle: (lost) => (lost === undefined ? tell() : reject(lost)) })
        // Everything that the current turn of the event loop queues shares one transaction.
        if (queue.length === 1) setImmediate(flush, 0)
      }),
  }
}
