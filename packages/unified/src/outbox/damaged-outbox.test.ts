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

/** What damage does to the write of a record, by its id. */
const DAMAGE = {
  descriptionGone: 'update outbox_mutations set draft = null where id = :id',
  descriptionCut: 'update outbox_mutations set draft = substr(draft, 1, 40) where id = :id',
  descriptionPoor: "update outbox_mutations set draft = '{}' where id = :id",
  deletion: "update outbox_mutations set expect = null where id = :id and kind = 'delete'",
  bodyGone: 'delete from bodies where pk in (select body from outbox_mutations where id = :id)',
  bodyUnnamed: 'update outbox_mutations set body = null where id = :id',
}

it('lists writes that are damaged, and sends those between and behind them', async () => {
  const r2 = await startStoppableR2(folder.path)
  const settings = { ...toEnvironment(r2.server), SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: 'r2' }
  const outbox = { recoveryJitterMs: 0, breakMs: 60_000, maxBreakMs: 60_000 }
  const storage = await createStorageManager(parseSettings(settings), { outbox })
  await storage.storeData({ ...AT, id: 'deletion', data: 0 })
  await r2.stop()
  const damaged = Object.keys(DAMAGE)
  for (const id of damaged) {
    if (id === 'deletion') await storage.deleteData('m', 'u', id)
    else await storage.storeData({ ...AT, id, data: id })
    await storage.storeData({ ...AT, id: `behind ${id}`, data: id })
  }
  for (const value of [1, 2]) await storage.putBlob('k', value)
  for (const [id, statement] of Object.entries(DAMAGE))
    changeFile(folder.sqlitePath, statement.replace(':id', `'${id}'`))
  changeFile(
    folder.sqlitePath,
    `delete from outbox_mutations where op =
       (select min(o.pk) from outbox_ops o join outbox_lanes l on l.pk = o.lane where l.module is null)`,
  )
  await r2.start()
  expect(await storage.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  const direct = manageBackend(await createR2Backend(r2.server.settings))
  const ids = (await direct.retrieveData('m', 'u')).map(({ id }) => id)
  expect(ids.toSorted()).toEqual([...damaged.map((id) => `behind ${id}`), 'deletion'].toSorted())
  expect(await direct.getBlob('k')).toMatchObject({ value: 2 })
  const listed = await storage.conflicts()
  expect(listed.map(({ kind, recordIds, error }) => [kind, recordIds[0], error.code])).toEqual([
    ['dead', 'descriptionGone', 'CORRUPT'],
    ['dead', 'descriptionCut', 'CORRUPT'],
    ['dead', 'descriptionPoor', 'CORRUPT'],
    ['dead', 'deletion', 'CORRUPT'],
    ['dead', 'bodyGone', 'CONFLICT'],
    ['dead', 'bodyUnnamed', 'CONFLICT'],
    ['dead', undefined, 'CONFLICT'],
  ])
  expect((await storage.health()).outbox).toMatchObject({ depth: 0, conflicts: 7, paused: [] })
  changeFile(folder.sqlitePath, "update outbox_ops set error = '{' where state = 'dead'")
  for (const { id } of await storage.conflicts()) await storage.resolveConflict(id, 'discard')
  expect(await storage.conflicts()).toEqual([])
  await direct.close()
  await storage.close()
  await r2.stop()
})

it('does not give up a damaged write that the store has had already', async () => {
  const store = createFakeStore()
  const storage = await openBehindOutbox(store, folder.sqlitePath)
  store.fates.push('lost')
  store.usually = 'down'
  expect(await storage.storeData({ ...AT, id: 'a', data: 1 })).toMatchObject({ pending: true })
  changeFile(folder.sqlitePath, "update outbox_mutations set draft = '?' where id = 'a'")
  store.usually = 'ok'
  expect(await storage.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toEqual([])
  expect(await manageBackend(store.direct).retrieveData('m', 'u')).toMatchObject([{ id: 'a', data: 1 }])
  await storage.close()
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
