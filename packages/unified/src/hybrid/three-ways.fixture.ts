import { manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { openSqlite } from './away.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'

/** Processes of one application, on one R2 and one file, that are set up differently. */
export interface ThreeWays {
  readonly store: FakeStore
  readonly sqlitePath: string
  /** A process on R2 alone. */
  readonly onR2: StorageManager
  /** A process on SQLite alone. */
  readonly alone: StorageManager
  /** To be closed in the end. */
  keep(storage: StorageManager): StorageManager
  sqlite(): Promise<StorageBackend>
  openHybrid(primary?: StorageBackend, secondary?: StorageBackend): Promise<StorageManager>
  close(): Promise<void>
}

export async function openThreeWays(): Promise<ThreeWays> {
  const folder = await createStorageFolder()
  const store = createFakeStore()
  const opened: StorageManager[] = []
  const sqlite = () => openSqlite(folder.sqlitePath)
  const keep = (storage: StorageManager) => {
    opened.push(storage)
    return storage
  }
  return {
    store,
    sqlitePath: folder.sqlitePath,
    onR2: manageBackend(store.direct),
    alone: keep(manageBackend(await sqlite())),
    keep,
    sqlite,
    async openHybrid(primary = store.client(), secondary) {
      return keep(manageBackend(createHybridBackend({ primary, secondary: secondary ?? (await sqlite()) })))
    },
    async close() {
      for (const storage of opened) await storage.close()
      await folder.remove()
    },
  }
}
