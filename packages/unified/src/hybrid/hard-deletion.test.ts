import { randomUUID } from 'node:crypto'
import { manageBackend, parseSettings } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { tracesInFile } from '../../../sqlite/src/traces-in-file.fixture.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { openHybrid } from './hybrid.fixture.ts'

/** Begins like no other word, so that the search index does not cut its beginning off. */
const MARK = 'zqxmarked'

let folder: StorageFolder
let r2: StoppableR2
let at: { readonly module: string; readonly userId: string }

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
  at = { module: `m-${randomUUID()}`, userId: 'u' }
})
afterEach(async () => {
  await r2.stop()
  await folder.remove()
})

const tracesInSqlite = () => tracesInFile(folder.sqlitePath, MARK)
const deleteHard = (storage: StorageManager) => storage.deleteData(at.module, at.userId, 'a', { hard: true })

function openWithOutbox(): Promise<StorageManager> {
  const environment = {
    ...toEnvironment(r2.server),
    SQLITE_PATH: folder.sqlitePath,
    STORAGE_BACKEND: 'hybrid',
  }
  const outbox = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }
  return createStorageManager(parseSettings(environment), { outbox })
}

describe('a hard deletion on both sides', () => {
  it('behind an outbox leaves nothing in the SQLite file of what was copied, kept as sent, or pending', async () => {
    const storage = await openWithOutbox()
    await storage.storeData({ ...at, id: 'a', data: `${MARK} one` })
    await r2.stop()
    const pending = await storage.updateData({ ...at, recordId: 'a', data: `${MARK} two` })
    expect(pending).toMatchObject({ pending: true })
    await expect(deleteHard(storage)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await tracesInSqlite()).not.toEqual([])
    await r2.start()
    expect(await storage.sync({ timeoutMs: 20_000 })).toEqual({ pending: 0 })
    expect(await tracesInSqlite()).not.toEqual([])
    expect(await deleteHard(storage)).toBe(false)
    expect(await tracesInSqlite()).toEqual([])
    await storage.close()
    expect(await tracesInSqlite()).toEqual([])
  })

  it('behind an outbox takes along what the file has from before there was one', async () => {
    const alone = manageBackend(await createSqliteBackend({ path: folder.sqlitePath }))
    await alone.storeData({ ...at, id: 'a', data: `${MARK} one` })
    await alone.updateData({ ...at, recordId: 'a', data: `${MARK} two` })
    await alone.close()
    const storage = await openWithOutbox()
    expect(await deleteHard(storage)).toBe(true)
    expect(await tracesInSqlite()).toEqual([])
    await storage.close()
  })

  it('without an outbox leaves nothing either', async () => {
    const under = await openHybrid(r2.server, folder.sqlitePath)
    await under.hybrid.storeData({ ...at, id: 'a', data: `${MARK} one` })
    const { etag } = await under.hybrid.updateData({ ...at, recordId: 'a', data: `${MARK} two` })
    const hash = etag.slice('2-'.length)
    expect(await tracesInFile(folder.sqlitePath, hash)).not.toEqual([])
    expect(await deleteHard(under.hybrid)).toBe(true)
    expect(await tracesInSqlite()).toEqual([])
    expect(await tracesInFile(folder.sqlitePath, hash)).toEqual([])
    await under.close()
  })

  it('takes along the copy of a record that another application deleted from R2', async () => {
    const storage = await openWithOutbox()
    await storage.storeData({ ...at, id: 'a', data: MARK })
    const direct = manageBackend(await createR2Backend(r2.server.settings))
    await direct.deleteData(at.module, at.userId, 'a')
    await direct.close()
    expect(await deleteHard(storage)).toBe(false)
    expect(await tracesInSqlite()).toEqual([])
    await storage.close()
  })

  it('rejects while SQLite cannot take the deletion, and is complete when it is repeated', async () => {
    const disk = { full: false }
    const under = await openHybrid(r2.server, folder.sqlitePath, {
      secondary: withFullDisk(disk),
    })
    await under.hybrid.storeData({ ...at, id: 'a', data: MARK })
    disk.full = true
    await expect(deleteHard(under.hybrid)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    disk.full = false
    expect(await deleteHard(under.hybrid)).toBe(false)
    expect(await tracesInSqlite()).toEqual([])
    await under.close()
  })
})
