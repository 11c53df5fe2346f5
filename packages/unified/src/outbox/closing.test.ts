import { EventEmitter, once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { namespacePath } from '@umbra/core'
import type { Namespace, StorageBackend } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import { blobLane } from './lane-of.ts'
import { holdCommits } from './hold-commits.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { QUICK } from './outbox-backend.fixture.ts'
import { putOf } from './put-of.fixture.ts'

const FIRST = { module: 'm', userId: 'first' }
const SECOND = { module: 'm', userId: 'second' }

let folder: StorageFolder

beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

it('closing does not wait until everything is sent that is pending: it stays so', async () => {
  const store = createFakeStore()
  const path = folder.sqlitePath
  const client = store.client()
  const told = new EventEmitter()
  const primary: StorageBackend = {
    ...client,
    blobs: {
      ...client.blobs,
      async put(...about) {
        if (store.usually === 'ok') {
          const answered = once(told, 'answer')
          told.emit('sending')
          await answered
        }
        return client.blobs.put(...about)
      },
    },
  }
  const backend = createOutboxBackend({ primary, outbox: await openOutbox({ path }), policy: QUICK })
  store.usually = 'down'
  const sending = once(told, 'sending')
  for (const text of ['1', '2', '3']) await backend.blobs.put('k', new TextEncoder().encode(text), undefined)
  store.usually = 'ok'
  await sending
  const closing = backend.close()
  told.emit('answer')
  await closing
  const outbox = await openOutbox({ path })
  expect(outbox.backlog()).toMatchObject([{ count: 2 }])
  expect(await outbox.lease(blobLane('k'))).toBeDefined()
  await outbox.close()
  expect((await store.direct.blobs.get('k'))?.bytes).toEqual(new TextEncoder().encode('1'))
})

it('closing waits for what begins to be sent while it waits, and only then closes the store', async () => {
  const store = createFakeStore()
  const told = new EventEmitter()
  const backend = createOutboxBackend({
    primary: holdCommits(store.client(), told),
    outbox: await openOutbox({ path: folder.sqlitePath }),
    policy: QUICK,
  })
  const isSending = (namespace: Namespace) => once(told, `begun ${namespacePath(namespace)}`)
  const answer = (namespace: Namespace) => told.emit(`end ${namespacePath(namespace)}`)
  let isClosed = false
  told.once('closed', () => (isClosed = true))

  const sendingFirst = isSending(FIRST)
  const first = backend.commit(FIRST, [putOf(FIRST, 'a')])
  await sendingFirst
  const closing = backend.close()
  const sendingSecond = isSending(SECOND)
  const second = backend.commit(SECOND, [putOf(SECOND, 'a')])
  await sendingSecond
  answer(FIRST)
  await first
  await turn()
  expect(isClosed).toBe(false)
  answer(SECOND)
  expect(await second).toMatchObject([{ pending: false }])
  await closing
  expect(isClosed).toBe(true)
})
