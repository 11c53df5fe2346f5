import { manageBackend, UmbraError } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createFakeStore } from './fake-store.fixture.ts'
import type { FakeStore } from './fake-store.fixture.ts'
import { createOutboxBackend } from './outbox-backend.ts'
import { openBehindOutbox, QUICK } from './outbox-backend.fixture.ts'

const AT = { module: 'm', userId: 'u' }
/** Another process may soon send. */
const LIMITS = { leaseMs: 50 }

let folder: StorageFolder
let store: FakeStore
let storage: StorageManager
/** What the file fails at. `answer`: what is decided is written down, and then it fails. */
let failing: readonly (keyof Outbox | 'answer')[]
/** Happens before this process asks for the right to send. */
let beforeLease: () => Promise<unknown>

beforeEach(async () => {
  failing = []
  beforeLease = async () => {}
  folder = await createStorageFolder()
  store = createFakeStore()
  const outbox = failingAt(await openOutbox({ path: folder.sqlitePath, ...LIMITS }))
  storage = manageBackend(createOutboxBackend({ primary: store.client(), outbox, policy: QUICK }))
})
afterEach(async () => {
  failing = []
  await storage.close()
  await folder.remove()
})

function failingAt(outbox: Outbox): Outbox {
  const meet = (what: keyof Outbox | 'answer') => {
    if (failing.includes(what)) throw new UmbraError('UNAVAILABLE', `the file fails. what=${what}`)
  }
  return {
    ...outbox,
    async lease(lane) {
      meet('lease')
      await beforeLease()
      return outbox.lease(lane)
    },
    async decide(...about) {
      meet('decide')
      const recorded = await outbox.decide(...about)
      meet('answer')
      return recorded
    },
    async markPending(pks) {
      meet('markPending')
      return outbox.markPending(pks)
    },
    async settled(pk) {
      meet('settled')
      return outbox.settled(pk)
    },
  }
}

/** A write that the store refuses. */
async function storeTaken() {
  await manageBackend(store.direct).storeData({ ...AT, id: 'a', data: 'theirs' })
  return storage.storeData({ ...AT, id: 'a', data: 'ours' })
}

describe('a file that fails keeps no caller waiting', () => {
  it('while a refusal is tidied away: its caller is told of it', async () => {
    failing = ['settled']
    await expect(storeTaken()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  })

  it('after a refusal was written down: its caller is told of it', async () => {
    failing = ['answer']
    await expect(storeTaken()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(await storage.conflicts()).toEqual([])
  })

  it('before a refusal is written down: its caller is told that the outcome is open', async () => {
    failing = ['decide', 'markPending']
    await expect(storeTaken()).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
  })

  it('after another process has sent everything: its caller is told that the outcome is open', async () => {
    const other = await openBehindOutbox(store, folder.sqlitePath, { limits: LIMITS })
    beforeLease = () => other.sync()
    failing = ['settled']
    const stored = storage.storeData({ ...AT, id: 'a', data: 'ours' })
    await expect(stored).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    expect(await manageBackend(store.direct).retrieveData('m', 'u', 'a')).toMatchObject({ data: 'ours' })
    await other.close()
  })
})

describe('a file that can be read and not written', () => {
  it.each(['lease', 'decide'] as const)(
    'is announced once, and its end when an outcome is written down: %s',
    async (what) => {
      const heard = hear()
      failing = [what]
      await storage.storeData({ ...AT, data: 1 }).catch(() => undefined)
      // The file is looked at many times meanwhile.
      await storage.sync({ timeoutMs: 100 })
      expect(heard).toEqual([`the file fails. what=${what}`])
      failing = []
      await storage.sync()
      await expect.poll(() => heard).toEqual([`the file fails. what=${what}`, 'recovered'])
    },
  )

  it('is well again when nothing is left to be written down', async () => {
    const heard = hear()
    failing = ['answer']
    await storage.storeData({ ...AT, data: 1 })
    await expect.poll(() => heard).toEqual(['the file fails. what=answer', 'recovered'])
  })

  it('is announced by whoever cannot be told that its write is pending', async () => {
    const heard = hear()
    failing = ['markPending']
    store.fates.push('down')
    const stored = storage.storeData({ ...AT, data: 1 })
    await expect(stored).rejects.toMatchObject({ code: 'OUTCOME_PENDING' })
    await storage.sync()
    await expect.poll(() => heard).toEqual(['the file fails. what=markPending', 'recovered'])
  })
})

function hear(): string[] {
  const heard: string[] = []
  storage.on('degraded', ({ reason }) => heard.push(reason.message))
  storage.on('recovered', () => heard.push('recovered'))
  return heard
}
