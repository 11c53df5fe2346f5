import { parseSettings } from '@umbra/core'
import { describeBackend } from '@umbra/core/testing'
import { createStorageManager } from './create-storage-manager.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'

describeBackend('sqlite with Parquet', {
  async create() {
    const folder = await createStorageFolder()
    const settings = parseSettings({ STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath })
    return { connect: () => createStorageManager(settings), destroy: () => folder.remove() }
  },
})
