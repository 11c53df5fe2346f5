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
let isSilent: boolean
let answer: () => void

// The store was left alone, and may be tried again. Nothing is pending, so that nobody else does.
beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  store.usually = 'down'
  isSilent = false
  const client = store.client()
  const primary: StorageBackend = {
    ...client,
    async getEntry(...about) {
      // What may be answered from memory does not ask the store.
      const asks = about[2] === undefined
      if (isSilent && asks) await new Promise<void>((resolve) => (answer = resolve))
      return client.getEntry(...about)
    },
  }
  const outbox = await openOutbox({ path: folder.sqlitePath })
  backend = createOutboxBackend({ primary, outbox, policy: { ...QUICK, onlineTimeoutMs: 1_000 } })
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

it('a write waits no longer for a store that does not answer than it would for its own request', async () => {
  isSilent = true
  expect(await backend.commit(AT, [putOf(AT, 'a')])).toMatchObject([{ pending: true }])
  isSilent = false
  store.usually = 'ok'
  answer()
  expect(await backend.pendingWrites?.sync({})).toEqual({ pending: 0 })
})
