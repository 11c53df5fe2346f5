import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'

describeBackend('r2 behind an outbox, each on a machine of its own', {
  async create() {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    let machines = 0
    return {
      connect: () =>
        createStorageManager(
          parseSettings({
            ...toEnvironment(server),
            STORAGE_BACKEND: 'r2',
            SQLITE_PATH: join(folder.path, `${++machines}.sqlite`),
          }),
        ),
      async destroy() {
        await server.close()
        await folder.remove()
      },
    }
  },
})

describeBackend('r2 behind an outbox, all on one file', {
  async create() {
    const folder = await createStorageFolder()
    const server = await startLocalR2()
    const settings = parseSettings({
      ...toEnvironment(server),
      STORAGE_BACKEND: 'r2',
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
