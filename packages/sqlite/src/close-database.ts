import type BetterSqlite3 from 'better-sqlite3'

/** Closes the connection, with its log written into the file if that can be done now. */
export function closeDatabase(connection: BetterSqlite3.Database): void {
  try {
    connection.pragma('wal_checkpoint(PASSIVE)')
  } catch {
    // A full disk: everything is in the log, which the next opening reads.
  } finally {
    connection.close()
  }
}
