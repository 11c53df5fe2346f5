import { parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createStorageManager } from './create-storage-manager.ts'
import { toEnvironment } from './local-environment.fixture.ts'

describeBackend('r2 with Parquet', {
  async create() {
    const server = await startLocalR2()
    const settings = parseSettings({ ...toEnvironment(server), STORAGE_BACKEND: 'r2' })
    return { connect: () => createStorageManager(settings), destroy: () => server.close() }
  },
})
