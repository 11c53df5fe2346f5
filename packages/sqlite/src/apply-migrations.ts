import { fileURLToPath } from 'node:url'
import { UmbraError } from '@umbra/core'
import type { Database } from 'better-sqlite3'
import { readMigrationFiles } from 'drizzle-orm/migrator'

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../migrations', import.meta.url))

/**
 * Brings the tables up to date, in one transaction. Keeps Drizzle's own journal table; not Drizzle's `migrate`, because that
 * reads the journal before it takes the write lock, so two processes opening a fresh file would both create the tables.
 *
 * @throws `CONFIGURATION` when a newer version of this library wrote the database.
 */
export function applyMigrations(connection: Database): void {
  const migrations = readMigrationFiles({ migrationsFolder: MIGRATIONS_FOLDER })
  const newest = migrations.at(-1)?.folderMillis ?? 0
  const applyMissing = connection.transaction(() => {
    connection.exec(
      'create table if not exists __drizzle_migrations (id serial primary key, hash text not null, created_at numeric)',
    )
    const remember = connection.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)')
    const applied = lastApplied(connection)
    for (const { sql, hash, folderMillis } of migrations) {
      if (folderMillis <= applied) continue
      for (const statement of sql) connection.exec(statement)
      remember.run(hash, folderMillis)
    }
  })
  // Opening an up-to-date database must not wait for its writers.
  if (lastApplied(connection) < newest) applyMissing.immediate()
  if (lastApplied(connection) > newest) {
    throw new UmbraError(
      'CONFIGURATION',
      'a newer version wrote this database; upgrade @umbra/sqlite to open it',
    )
  }
}

/** When the last applied migration was made, milliseconds since 1970; 0 for a fresh database. */
function lastApplied(connection: Database): number {
  const exists = connection
    .prepare("select 1 from sqlite_schema where type = 'table' and name = '__drizzle_migrations'")
    .get()
  if (exists === undefined) return 0
  return Number(connection.prepare('select max(created_at) from __drizzle_migrations').pluck().get() ?? 0)
}
