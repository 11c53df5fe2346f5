import { createR2Backend } from '@umbra/r2'
import { manageBackend, parseSettings } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { changeFile } from '../../../sqlite/src/change-file.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { openBehindOutbox } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

it.each([
  ['is gone', "delete from bodies where pk in (select body from outbox_mutations where id = '2')"],
  ['is named nowhere', "update outbox_mutations set body = null where id = '2'"],
])('lists writes whose content %s, and sends those behind them', async (_, statement) => {
  const r2 = await startStoppableR2(folder.path)
  const settings = { ...toEnvironment(r2.server), SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: 'r2' }
  const outbox = { recoveryJitterMs: 0, breakMs: 50, maxBreakMs: 200 }
  const storage = await createStorageManager(parseSettings(settings), { outbox })
  await r2.stop()
  for (const id of ['1', '2', '3']) await storage.storeData({ ...AT, id, data: id })
  changeFile(folder.sqlitePath, statement)
  await r2.start()
  expect(await storage.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  const direct = manageBackend(await createR2Backend(r2.server.settings))
  expect(await direct.retrieveData('m', 'u')).toMatchObject([{ id: '1' }, { id: '3' }])
  const listed = await storage.conflicts()
  expect(listed).toMatchObject([{ kind: 'dead', recordIds: ['2'] }])
  await storage.resolveConflict(listed[0]?.id ?? '', 'discard')
  expect(await storage.conflicts()).toEqual([])
  await direct.close()
  await storage.close()
  await r2.stop()
})

it('answers with errors of its own kind, whatever is called', async () => {
  const store = createFakeStore()
  const storage = await openBehindOutbox(store, folder.sqlitePath)
  store.usually = 'down'
  await storage.storeData({ ...AT, data: 1 })
  changeFile(folder.sqlitePath, 'drop table outbox_state; alter table outbox_ops rename to elsewhere')
  const calls = [
    () => storage.storeData({ ...AT, data: 2 }),
    () => storage.retrieveData('m', 'u'),
    () => storage.putBlob('k', 1),
    () => storage.conflicts(),
    () => storage.health(),
    () => storage.sync({ timeoutMs: 10 }),
    () => storage.resolveConflict('none', 'discard'),
  ]
  for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'UmbraError' })
  await storage.close()
})
