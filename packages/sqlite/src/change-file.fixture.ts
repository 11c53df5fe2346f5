import BetterSqlite3 from 'better-sqlite3'

/** Runs statements on a database past everything that is ours, as damage would. */
export function changeFile(path: string, statements: string): void {
  const connection = new BetterSqlite3(path)
  connection.exec(statements)
  connection.close()
}
