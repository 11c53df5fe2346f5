import { setImmediate } from 'node:timers/promises'
import { UmbraError } from '@umbra/core'
import type { Clock } from '@umbra/core'
import type { Database } from 'better-sqlite3'
import { isBusy, toUmbraError } from './sqlite-error.ts'
import { createWithoutWaiting } from './without-waiting.ts'

export interface FileWiperOptions {
  /** How long to wait for other processes to stop using the file, milliseconds. */
  readonly busyTimeoutMs: number
  readonly clock: Clock
}

/** Between two tries. */
const LOCK_RETRY_MS = 10

/**
 * Makes unreadable, in the file and its log, whatever was deleted or replaced before the call: the file is written anew from what its
 * tables hold. Calls that come before the work has begun share it.
 *
 * @throws `UNAVAILABLE` when other processes kept using the file for longer than the busy timeout; to be repeated.
 */
export function createFileWiper(
  connection: Database,
  { busyTimeoutMs, clock }: FileWiperOptions,
): () => Promise<void> {
  const withoutWaiting = createWithoutWaiting(connection, busyTimeoutMs)
  // The index only marks what is deleted, and has its words until its segments are merged.
  const mergeSearch = connection.prepare(`insert into search (search) values ('optimize')`)
  // Not `secure_delete`: pages that SQLite has rearranged keep copies of rows that were deleted later.
  const rewrite = connection.prepare('vacuum')
  const emptyLog = connection.prepare<[], { busy: number }>('pragma wal_checkpoint(truncate)')
  let next: Promise<void> | undefined

  async function wipe(): Promise<void> {
    await setImmediate()
    next = undefined
    await untilUnused(() => mergeSearch.run())
    await untilUnused(() => rewrite.run())
    await untilUnused(() => emptyLog.get())
  }

  async function untilUnused(step: () => unknown): Promise<void> {
    for (let waitedMs = 0; !tryStep(step); waitedMs += LOCK_RETRY_MS) {
      if (waitedMs >= busyTimeoutMs) throw stillInUse()
      await clock.sleep(LOCK_RETRY_MS)
    }
  }

  function tryStep(step: () => unknown): boolean {
    if (!connection.open) throw new UmbraError('UNAVAILABLE', 'the database is closed')
    try {
      return !saysBusy(withoutWaiting(step))
    } catch (error) {
      if (isBusy(error)) return false
      throw toUmbraError(error)
    }
  }

  return () => (next ??= wipe())
}

/** A checkpoint does not fail when somebody still reads from the log; it says so. */
function saysBusy(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'busy' in result && result.busy === 1
}

function stillInUse(): UmbraError {
  return new UmbraError(
    'UNAVAILABLE',
    'the record is deleted, but its contents may still be in the database file because other processes kept using it; delete it again with hard',
  )
}
