import { createMemoryBackend, manageBackend, parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { startLocalR2 } from '@umbra/r2/local'
import { createStorageManager } from './create-storage-manager.ts'
import { createLazyParquetCodec } from './lazy-parquet-codec.ts'
import { toEnvironment } from './local-environment.fixture.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'

describeBackend('memory with Parquet', {
  async create() {
    const backend = createMemoryBackend()
    return {
      connect: async () => manageBackend(backend, { parquet: createLazyParquetCodec() }),
      destroy: async () => {},
    }
  },
})

describeBackend('sqlite with Parquet', {
  async create() {
    const folder = await createStorageFolder()
    const settings = parseSettings({ STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath })
    return { connect: () => createStorageManager(settings), destroy: () => folder.remove() }
  },
})

describeBackend('r2 with Parquet', {
  async create() {
    const server = await startLocalR2()
    const settings = parseSettings({ ...toEnvironment(server), STORAGE_BACKEND: 'r2' })
    return { connect: () => createStorageManager(settings), destroy: () => server.close() }
  },
})
