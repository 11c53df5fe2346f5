import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runMigration } from '../migration/run-migration.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { openHybrid } from './hybrid.fixture.ts'
import type { Disturbances } from './hybrid.fixture.ts'

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

/** An R2 that deletes blobs like this. */
function deletingBlobs(
  remove: (
    backend: StorageBackend,
    ...about: Parameters<StorageBackend['blobs']['delete']>
  ) => Promise<boolean>,
): Disturbances {
  return {
    primary: (backend) => ({
      ...backend,
      blobs: {
        ...plainBackend(backend).blobs,
        delete: (...about) => remove(backend, ...about),
      },
    }),
  }
}

it('does not show a blob during an outage whose deletion was done without an answer', async () => {
  const under = await openHybrid(
    server,
    folder.sqlitePath,
    deletingBlobs(async (backend, ...about) => {
      await backend.blobs.delete(...about)
      throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
    }),
  )
  const { hybrid } = under
  await hybrid.putBlob('gone', 1)
  await expect(hybrid.deleteBlob('gone')).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
  await server.close()
  expect(await hybrid.getBlob('gone')).toBeNull()
  await under.close()
})

it('makes the copy again when the deletion turns out not to have happened', async () => {
  const { hybrid, onSqlite, ...under } = await openHybrid(
    server,
    folder.sqlitePath,
    deletingBlobs(async () => {
      throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
    }),
  )
  await hybrid.putBlob('stays', 1)
  await expect(hybrid.deleteBlob('stays')).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
  expect((await hybrid.getBlob('stays'))?.value).toBe(1)
  expect((await onSqlite.getBlob('stays'))?.value).toBe(1)
  expect(await hybrid.health()).toMatchObject({ healthy: true })
  await under.close()
})

it('leaves no copy when an earlier deletion arrives late, before this one', async () => {
  const { hybrid, onSqlite, ...under } = await openHybrid(
    server,
    folder.sqlitePath,
    deletingBlobs(async (backend, ...about) => {
      await backend.blobs.delete(about[0], undefined)
      return backend.blobs.delete(...about)
    }),
  )
  const { etag } = await hybrid.putBlob('gone', 1)
  await expect(hybrid.deleteBlob('gone', { ifMatch: etag })).rejects.toMatchObject({
    code: 'PRECONDITION_FAILED',
  })
  expect(await onSqlite.getBlob('gone')).toBeNull()
  await under.close()
})

it('removes the copy of a blob that is deleted again after R2 alone has deleted it', async () => {
  const { hybrid, onR2, onSqlite, ...under } = await openHybrid(server, folder.sqlitePath)
  await hybrid.putBlob('gone', 1)
  await onR2.deleteBlob('gone')
  expect(await hybrid.deleteBlob('gone')).toBe(false)
  expect(await onSqlite.getBlob('gone')).toBeNull()
  await under.close()
})

it('removes the copy that a migration makes while the blob is deleted', async () => {
  const { hybrid, onSqlite, ...under } = await openHybrid(
    server,
    folder.sqlitePath,
    deletingBlobs(async (backend, ...about) => {
      await runMigration(backend, under.secondary)
      return backend.blobs.delete(...about)
    }),
  )
  await hybrid.putBlob('gone', 1)
  expect(await hybrid.deleteBlob('gone')).toBe(true)
  expect(await onSqlite.getBlob('gone')).toBeNull()
  expect(await hybrid.getBlob('gone')).toBeNull()
  await under.close()
})
