import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { copyDatabase } from '../copy-database.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'

let folder: StorageFolder
let store: FakeStore
let opened: StorageManager[]

beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  opened = []
})
afterEach(async () => {
  for (const storage of opened) await storage.close()
  await folder.remove()
})

async function open(path = folder.sqlitePath): Promise<StorageManager> {
  // A copy may say that this process sends, which in it nobody does.
  const storage = await openBehindOutbox(store, path, { limits: { leaseMs: 50 } })
  opened.push(storage)
  return storage
}

const other = () => manageBackend(store.direct)
const current = async () => (await other().getBlob('k'))?.value

it.each([true, false])(
  'a blob that is refused though nobody changed it is sent again (ifMatch: %s)',
  async (named) => {
    const client = store.client()
    let refusals = 0
    const crowded = {
      ...client,
      blobs: {
        ...client.blobs,
        async put(...about: Parameters<typeof client.blobs.put>) {
          if (refusals-- > 0) throw new UmbraError('CONFLICT', 'the store refused it among other writers')
          return client.blobs.put(...about)
        },
      },
    }
    const outbox = await openOutbox({ path: folder.sqlitePath })
    const storage = manageBackend(createOutboxBackend({ primary: crowded, outbox, policy: QUICK }))
    opened.push(storage)
    const { etag } = await storage.putBlob('k', 1)
    refusals = 1
    expect(await storage.putBlob('k', 2, named ? { ifMatch: etag } : {})).toMatchObject({ pending: true })
    expect(await storage.sync()).toEqual({ pending: 0 })
    expect(await current()).toBe(2)
    expect(await storage.conflicts()).toEqual([])
  },
)

it.each(['put', 'delete'] as const)(
  'a %s that was sent already is not sent over what came since, when an old copy of the file is put back',
  async (kind) => {
    const storage = await open()
    await storage.putBlob('k', 'before')
    store.usually = 'down'
    if (kind === 'put') await storage.putBlob('k', 'once')
    else await storage.deleteBlob('k')
    const copy = await copyDatabase(folder.sqlitePath)
    store.usually = 'ok'
    await storage.sync()
    for (const value of [1, 2, 3]) await other().putBlob('k', value)
    const restored = await open(copy)
    expect(await restored.sync()).toEqual({ pending: 0 })
    expect(await current()).toBe(3)
    expect(await restored.conflicts()).toEqual([])
  },
)

it.each(['put', 'delete'] as const)(
  'a %s whose answer was lost is not told as refused when somebody wrote over it since',
  async (kind) => {
    const storage = await open()
    const { etag } = await storage.putBlob('k', 'before')
    store.usually = 'down'
    // It is noted first which version is there.
    if (kind === 'put') {
      store.fates.push('ok', 'lost')
      await storage.putBlob('k', 'ours', { ifMatch: etag })
    } else {
      // A deletion looks first whether there is something to delete.
      store.fates.push('ok', 'ok', 'lost')
      await storage.deleteBlob('k', { ifMatch: etag })
    }
    expect((await storage.health()).outbox?.depth).toBe(1)
    await other().putBlob('k', 'theirs')
    store.usually = 'ok'
    expect(await storage.sync()).toEqual({ pending: 0 })
    expect(await current()).toBe('theirs')
    expect(await storage.conflicts()).toEqual([])
  },
)
