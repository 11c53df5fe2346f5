import { UmbraError } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { openHybrid } from './hybrid.fixture.ts'

let server: LocalR2
let folder: StorageFolder
beforeEach(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
})
afterEach(async () => {
  await server.close()
  await folder.remove()
})

it('does not show a blob during an outage that it has seen to be deleted before', async () => {
  const under = await openHybrid(server, folder.sqlitePath)
  const { hybrid, onR2 } = under
  await hybrid.putBlob('gone', 1)
  await hybrid.putBlob('stays', 2)
  await onR2.deleteBlob('gone')
  expect(await hybrid.getBlob('gone')).toBeNull()
  await server.close()
  expect(await hybrid.getBlob('gone')).toBeNull()
  expect((await hybrid.getBlob('stays'))?.value).toBe(2)
  await under.close()
})

it('does not show a blob during an outage whose deletion was done without an answer', async () => {
  const under = await openHybrid(server, folder.sqlitePath, {
    primary: (backend) => ({
      ...backend,
      blobs: {
        get: (path) => backend.blobs.get(path),
        put: (...about) => backend.blobs.put(...about),
        async delete(...about) {
          await backend.blobs.delete(...about)
          throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
        },
      },
    }),
  })
  const { hybrid } = under
  await hybrid.putBlob('gone', 1)
  await expect(hybrid.deleteBlob('gone')).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
  await server.close()
  expect(await hybrid.getBlob('gone')).toBeNull()
  await under.close()
})

it('leaves a later version of another process when it removes the copy of a deleted one', async () => {
  const other = await openHybrid(server, folder.sqlitePath)
  let overtaken = false
  const under = await openHybrid(server, folder.sqlitePath, {
    secondary: (backend) => ({
      ...withFullDisk({ full: false })(backend),
      blobs: {
        get: (path) => backend.blobs.get(path),
        put: (...about) => backend.blobs.put(...about),
        async delete(path, expected) {
          if (!overtaken) await other.hybrid.putBlob('b', 2)
          overtaken = true
          return backend.blobs.delete(path, expected)
        },
      },
    }),
  })
  const { hybrid, onR2, onSqlite } = under
  await hybrid.putBlob('b', 1)
  await onR2.deleteBlob('b')
  expect(await hybrid.getBlob('b')).toBeNull()
  expect(overtaken).toBe(true)
  expect((await onSqlite.getBlob('b'))?.value).toBe(2)
  // Its note is there too: what R2 alone deletes now does not come back.
  await onR2.deleteBlob('b')
  expect(await hybrid.getBlob('b')).toBeNull()
  await under.close()
  await other.close()
})
