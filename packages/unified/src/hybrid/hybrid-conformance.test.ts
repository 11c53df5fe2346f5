import { parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'

describeBackend('hybrid with Parquet', {
  async create() {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    const settings = parseSettings({
      ...toEnvironment(server),
      STORAGE_BACKEND: 'hybrid',
      SQLITE_PATH: folder.sqlitePath,
    })
    return {
      connect: () => createStorageManager(settings),
      async destroy() {
        await server.close()
        await folder.remove()
      },
    }
  },
})
