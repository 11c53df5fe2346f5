import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { compareStores } from '../migration/compare-stores.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createBlobCopies } from './blob-copies.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

it('keeps a write pending until SQLite takes the copy, without leaving R2 alone for it', async () => {
  const folder = await createStorageFolder()
  const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
  const store = createFakeStore()
  const disk = { full: true }
  const secondary: StorageBackend = { ...withFullDisk(disk)(sqlite), close: async () => {} }
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const primary = store.client()
  const storage = manageBackend(createHybridWithOutbox({ primary, secondary, outbox, policy: QUICK }))
  const at = { module: 'm', userId: 'u' }

  for (const data of [1, 2, 3, 4]) {
    const { pending, storageBackend } = await storage.storeData({ ...at, data })
    expect({ pending, storageBackend }).toEqual({ pending: true, storageBackend: 'sqlite' })
  }
  expect(store.applied.length).toBeGreaterThan(0)
  // Nothing says that it is out of date: R2 was asked.
  const { items } = await storage.listEntries('m', 'u')
  expect(items.map(({ stale }) => stale)).toEqual([undefined, undefined, undefined, undefined])
  expect((await storage.health()).outbox).toMatchObject({ breaker: 'closed', depth: 4 })

  disk.full = false
  expect(await storage.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  expect(await compareStores(store.direct, sqlite)).toMatchObject({ equal: true, total: { equal: 4 } })
  expect(store.applied).toHaveLength(4)
  await storage.close()
  await sqlite.close()
  await folder.remove()
})

it('keeps a blob pending until SQLite takes the copy, also when the process ends before', async () => {
  const folder = await createStorageFolder()
  const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
  const store = createFakeStore()
  const disk = { full: true }
  const secondary: StorageBackend = { ...withFullDisk(disk)(sqlite), close: async () => {} }
  const open = async () => {
    const outbox = await openOutbox({ path: folder.sqlitePath })
    return manageBackend(
      createHybridWithOutbox({ primary: store.client(), secondary, outbox, policy: QUICK }),
    )
  }
  const first = await open()
  expect(await first.putBlob('settings', 1)).toMatchObject({ pending: true })
  expect((await first.health()).outbox).toMatchObject({ breaker: 'closed', depth: 1 })
  await first.close()

  const next = await open()
  expect(await next.sync({ timeoutMs: 200 })).toEqual({ pending: 1 })
  expect((await manageBackend(store.direct).getBlob('settings'))?.value).toBe(1)
  disk.full = false
  expect(await next.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  expect((await manageBackend(sqlite).getBlob('settings'))?.value).toBe(1)
  await next.close()
  await sqlite.close()
  await folder.remove()
})

it('leaves no copy of a blob whose deletion was done without an answer, and read before it was', async () => {
  const folder = await createStorageFolder()
  const secondary = await createSqliteBackend({ path: folder.sqlitePath })
  const client = createFakeStore().client()
  let unanswered = true
  const primary: StorageBackend = {
    ...client,
    blobs: {
      ...plainBackend(client).blobs,
      async delete(path, expected) {
        const left = await client.blobs.get(path)
        const deleted = await client.blobs.delete(path, expected)
        if (!unanswered) return deleted
        unanswered = false
        // What a read does that finds the blob just before.
        await createBlobCopies(secondary.blobs).put(path, left?.bytes ?? new Uint8Array())
        throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
      },
    },
  }
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const storage = manageBackend(createHybridWithOutbox({ primary, secondary, outbox, policy: QUICK }))
  await storage.putBlob('gone', 1)
  await storage.deleteBlob('gone')
  expect(await storage.sync({ timeoutMs: 10_000 })).toEqual({ pending: 0 })
  expect(unanswered).toBe(false)
  expect(await manageBackend(secondary).getBlob('gone')).toBeNull()
  await storage.close()
  await folder.remove()
})
