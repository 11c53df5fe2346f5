import { manageBackend, UmbraError } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { openOutbox } from '@umbra/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'
import { createReopeningBackend } from './reopening-backend.ts'

const AT = { module: 'm', userId: 'u' }

let server: LocalR2
let folder: StorageFolder
beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

it('has every part of the store from the start, and none of them answers before the store does', async () => {
  let isAway = true
  const away = new UmbraError('UNAVAILABLE', 'r2 is away')
  const open = async () => {
    if (isAway) throw away
    return createR2Backend(server.settings)
  }
  const primary = createReopeningBackend(open, {
    name: 'r2',
    capabilities: {
      multiWriter: true,
      presignedDownload: true,
      presignedUpload: true,
      snapshots: true,
      durable: true,
    },
  })
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const backend = createOutboxBackend({ primary, outbox, policy: QUICK, awayBecause: away })
  const storage = manageBackend(backend)
  const { maintenance, inventory } = backend
  const calls = [
    () => storage.importData('m', 'u', [{ data: 1 }]),
    () => storage.pinSnapshot('m', 'u'),
    () => maintenance?.check(AT),
    () => maintenance?.rebuild(AT),
    () => maintenance?.compact(AT),
    () => backend.purge?.(AT, 'a'),
    () => maintenance?.collect(AT),
    () => inventory?.listNamespaces()[Symbol.asyncIterator]().next(),
    () => inventory?.listBlobs()[Symbol.asyncIterator]().next(),
    () => inventory?.findDeletions(AT, ['a']),
  ]
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'UNAVAILABLE' })

  isAway = false
  const { id } = await storage.storeData({ ...AT, data: 0 })
  await storage.sync()
  expect(await storage.importData('m', 'u', [{ id: 'a', data: 1 }])).toEqual({ committed: 1 })
  expect(await maintenance?.check(AT)).toMatchObject({ records: 2, problems: [] })
  expect(await maintenance?.compact(AT)).toMatchObject({ dryRun: false })
  expect(await inventory?.listNamespaces()[Symbol.asyncIterator]().next()).toMatchObject({ value: AT })
  const { snapshot } = await storage.pinSnapshot('m', 'u')
  await storage.deleteData('m', 'u', 'a')
  expect(await storage.retrieveData('m', 'u', 'a', { consistency: { snapshot } })).toMatchObject({ data: 1 })
  storage.releaseSnapshot(snapshot)
  const deletions = await inventory?.findDeletions(AT, ['a', id])
  expect([...(deletions ?? [])]).toMatchObject([['a', { rev: 2 }]])
  await storage.close()
})
