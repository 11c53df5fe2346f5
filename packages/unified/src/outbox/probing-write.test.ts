import { setTimeout as sleep } from 'node:timers/promises'
import type { StorageBackend } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'
import { putOf } from './put-of.fixture.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let store: FakeStore
let backend: StorageBackend

// The store was left alone, and may be tried again. Nothing is pending, so that nobody else does.
beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  store.usually = 'down'
  const outbox = await openOutbox({ path: folder.sqlitePath })
  backend = createOutboxBackend({ primary: store.client(), outbox, policy: QUICK })
  for (let tries = 0; tries < 3; tries++)
    await expect(backend.blobs.get('k')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await sleep(20)
})
afterEach(async () => {
  await backend.close()
  await folder.remove()
})

it('of writes that come together and conflict only one is told that it is pending', async () => {
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => backend.commit(AT, [putOf(AT, 'a')])))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  store.usually = 'ok'
  expect(await backend.pendingWrites?.sync({})).toEqual({ pending: 0 })
  expect(await backend.pendingWrites?.conflicts()).toEqual([])
})

it('a write that finds the store back is stored at once', async () => {
  store.usually = 'ok'
  expect(await backend.commit(AT, [putOf(AT, 'a')])).toMatchObject([{ pending: false }])
})
