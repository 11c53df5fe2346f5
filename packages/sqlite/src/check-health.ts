import type { BackendHealth, Clock } from '@umbra/core'
import type { Database } from 'better-sqlite3'
import { toUmbraError } from './sqlite-error.ts'

const BYTES_PER_MIB = 1024 * 1024

/** Reads a few facts from the file; a failure is an answer, not an error. */
export function checkHealth(connection: Database, clock: Clock): BackendHealth {
  const startedAt = clock.now()
  const finish = (healthy: boolean, message: string) => ({
    healthy,
    message,
    latencyMs: clock.now() - startedAt,
  })
  try {
    const facts = connection
      .prepare<[], { version: string; bytes: number }>(
        'select sqlite_version() as version, page_count * page_size as bytes from pragma_page_count, pragma_page_size',
      )
      .get()
    return finish(true, `sqlite ${facts?.version}, ${((facts?.bytes ?? 0) / BYTES_PER_MIB).toFixed(1)} MiB`)
  } catch (error) {
    return finish(false, toUmbraError(error).message)
  }
}
