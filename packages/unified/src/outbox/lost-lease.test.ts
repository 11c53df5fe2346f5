import { EventEmitter, once } from 'node:events'
import { headKey, manageBackend, systemClock } from '@umbra/core'
import type { ObjectStore, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const LEASE_MS = 50

let server: LocalR2
let direct: StorageManager
let folder: StorageFolder
const opened: StorageManager[] = []

beforeEach(async () => {
  server = await startLocalR2()
  direct = manageBackend(await createR2Backend(server.settings))
  folder = await createStorageFolder()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await direct.close()
  await folder.remove()
  await server.close()
})

async function open(decorate?: (objects: ObjectStore) => ObjectStore): Promise<StorageManager> {
  const primary = await createR2Backend(server.settings, { ...(decorate && { decorate }) })
  const outbox = await openOutbox({ path: folder.sqlitePath, leaseMs: LEASE_MS })
  const policy = { ...QUICK, onlineTimeoutMs: 10 }
  const storage = manageBackend(createOutboxBackend({ primary, outbox, policy }))
  opened.push(storage)
  return storage
}

it('what another process has found refused is not applied by the one that was frozen while it sent it', async () => {
  const told = new EventEmitter()
  let isFrozen = false
  const frozen = await open((objects) => ({
    ...objects,
    async put(...about) {
      if (isFrozen && about[0] === headKey(AT)) {
        isFrozen = false
        const thawed = once(told, 'thawed')
        told.emit('frozen')
        await thawed
      }
      return objects.put(...about)
    },
  }))
  await direct.storeData({ ...AT, id: 'b', data: 'there is a head' })
  const other = await open()
  isFrozen = true
  const freezes = once(told, 'frozen')
  expect(await frozen.storeData({ ...AT, id: 'a', data: 'ours' })).toMatchObject({ pending: true })
  await freezes
  await direct.storeData({ ...AT, id: 'a', data: 'theirs' })
  await systemClock.sleep(LEASE_MS + 10)
  expect(await other.sync()).toEqual({ pending: 0 })
  expect(await other.conflicts()).toMatchObject([{ recordIds: ['a'] }])
  await direct.deleteData('m', 'u', 'a')
  told.emit('thawed')
  await frozen.close()
  expect(await direct.retrieveData('m', 'u', 'a')).toBeNull()
  expect(await other.conflicts()).toHaveLength(1)
  // The lane goes on.
  expect(await other.storeData({ ...AT, id: 'c', data: 'next' })).toBeDefined()
  expect(await other.sync()).toEqual({ pending: 0 })
  expect(await direct.retrieveData('m', 'u', 'c')).toMatchObject({ data: 'next' })
})
