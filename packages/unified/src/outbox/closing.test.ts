import { EventEmitter, once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { namespacePath } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
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
