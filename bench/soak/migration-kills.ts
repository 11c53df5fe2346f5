import { startLocalR2 } from '@umbra/r2/local'
import { killMigrations } from '../../packages/unified/src/migration/kill-migrations.fixture.ts'
import type { MigrationToKill } from '../../packages/unified/src/migration/kill-migrations.fixture.ts'
import { createStorageFolder } from '../../packages/unified/src/storage-folder.fixture.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

/** Passes take turns, by their seed. */
const MIGRATIONS: readonly Pick<MigrationToKill, 'from' | 'application'>[] = [
  { from: 'r2', application: 'hybrid' },
  { from: 'sqlite', application: 'source' },
  { from: 'r2', application: 'source' },
  { from: 'sqlite', application: 'hybrid' },
]

/** Migrations that are killed and begun again while an application writes; each pass between a database and a server of its own. */
export async function openMigrationKills({ kills }: SoakSize): Promise<SoakLoop> {
  return {
    name: 'migration-kills',
    close: async () => {},
    pass: async (seed, say) => {
      const migration = MIGRATIONS[seed % MIGRATIONS.length]
      if (migration === undefined) throw new Error('there is no such migration')
      const folder = await createStorageFolder()
      const server = await startLocalR2()
      try {
        const path = folder.sqlitePath
        const { settings } = server
        const run = await killMigrations({ ...migration, path, settings, seed, kills })
        const { written, carriedOver, defects } = run
        const which = `from ${migration.from}, application on ${migration.application}`
        say(
          `${which}: ${run.kills} killed, ${written} written meanwhile, carried over: ${JSON.stringify(carriedOver)}`,
        )
        return {
          counts: { 'migrations killed': run.kills, 'written meanwhile': written },
          violations: defects,
        }
      } finally {
        await server.close()
        await folder.remove()
      }
    },
  }
}
