import { blobChanged, manageBackend } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'

it.each([true, false])(
  'a blob that is refused though nobody changed it is sent again (ifMatch: %s)',
  async (named) => {
    const folder = await createStorageFolder()
    const store = createFakeStore()
    const client = store.client()
    let refusals = 0
    const crowded = {
      ...client,
      blobs: {
        ...client.blobs,
        async put(...about: Parameters<typeof client.blobs.put>) {
          if (refusals-- > 0) throw blobChanged(about[0], (await client.blobs.get(about[0]))?.etag)
          return client.blobs.put(...about)
        },
      },
    }
    const outbox = await openOutbox({ path: folder.sqlitePath })
    const storage = manageBackend(createOutboxBackend({ primary: crowded, outbox, policy: QUICK }))
    const { etag } = await storage.putBlob('k', 1)
    refusals = 1
    expect(await storage.putBlob('k', 2, named ? { ifMatch: etag } : {})).toMatchObject({ pending: true })
    expect(await storage.sync()).toEqual({ pending: 0 })
    expect(await manageBackend(store.direct).getBlob('k')).toMatchObject({ value: 2 })
    expect(await storage.conflicts()).toEqual([])
    await storage.close()
    await folder.remove()
  },
)
