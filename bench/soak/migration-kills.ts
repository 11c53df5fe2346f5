import { startLocalR2 } from '@umbra/r2/local'
import { killMigrations } from '../../packages/unified/src/migration/kill-migrations.fixture.ts'
import { createStorageFolder } from '../../packages/unified/src/storage-folder.fixture.ts'
import type { SoakLoop, SoakSize } from './soak-loop.ts'

/** Migrations that are killed and begun again; each pass from a database to a server of its own. */
export async function openMigrationKills({ kills: wanted }: SoakSize): Promise<SoakLoop> {
  return {
    name: 'migration-kills',
    close: async () => {},
    pass: async (_seed, say) => {
      const folder = await createStorageFolder()
      const server = await startLocalR2()
      try {
        const { kills, differences } = await killMigrations(folder.sqlitePath, server.settings, wanted)
        say(`${kills} killed, ${differences.length} differences`)
        return { counts: { 'migrations killed': kills }, violations: differences }
      } finally {
        await server.close()
        await folder.remove()
      }
    },
  }
}
