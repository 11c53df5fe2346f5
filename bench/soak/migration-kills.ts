import { startLocalR2 } from '@umbra/r2/local'
import { killMigrations } from '../../packages/unified/src/migration/kill-migrations.fixture.ts'
import { createStorageFolder } from '../../packages/unified/src/storage-folder.fixture.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

/** Migrations that are killed and begun again while an application writes; each pass from a database to a server of its own. */
export async function openMigrationKills({ kills }: SoakSize): Promise<SoakLoop> {
  return {
    name: 'migration-kills',
    close: async () => {},
    pass: async (seed, say) => {
      const folder = await createStorageFolder()
      const server = await startLocalR2()
      try {
        const path = folder.sqlitePath
        const run = await killMigrations({ path, settings: server.settings, seed, kills })
        const { written, carriedOver, defects } = run
        say(`${run.kills} killed, ${written} written meanwhile, carried over: ${JSON.stringify(carriedOver)}`)
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
