import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'

const MACHINES = 2

describeBackend(
  `r2 behind an outbox, on ${MACHINES} machines by turns, each with one file for its processes`,
  {
    async create() {
      const folder = await createStorageFolder()
      const server = await startLocalR2()
      let connections = 0
      return {
        connect: () =>
          createStorageManager(
            parseSettings({
              ...toEnvironment(server),
              STORAGE_BACKEND: 'r2',
              SQLITE_PATH: join(folder.path, `${connections++ % MACHINES}.sqlite`),
            }),
          ),
        async destroy() {
          await server.close()
          await folder.remove()
        },
      }
    },
  },
)
