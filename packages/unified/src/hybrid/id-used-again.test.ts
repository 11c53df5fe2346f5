import { createMemoryBackend, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let alone: StorageManager
beforeEach(async () => {
  folder = await createStorageFolder()
  alone = manageBackend(await sqlite())
})
afterEach(async () => {
  vi.restoreAllMocks()
  await alone.close()
  await folder.remove()
})

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })
const readFrom = (storage: StorageManager) => storage.retrieveData('m', 'u', 'a')
const deleteFrom = (storage: StorageManager) => storage.deleteData('m', 'u', 'a')

/** SQLite still has the copy of a record that R2 alone has deleted, and whose id it has used again. */
async function useAgain(hybrid: StorageManager, onR2: StorageManager): Promise<void> {
  await hybrid.storeData({ ...AT, id: 'a', data: 'deleted by R2' })
  await deleteFrom(onR2)
  await nextMillisecond()
  await onR2.storeData({ ...AT, id: 'a', data: 'another' })
}

/** SQLite as a process sees it whose next deletion of a copy fails once `fails` is set. */
async function failingToDelete() {
  const secondary = await sqlite()
  const failing = { fails: false }
  const backend: StorageBackend = {
    ...plainBackend(secondary),
    async commit(namespace, mutations) {
      if (failing.fails && mutations[0]?.kind === 'delete') {
        failing.fails = false
        throw new UmbraError('UNAVAILABLE', 'the disk is full')
      }
      return secondary.commit(namespace, mutations)
    },
  }
  return { backend, failing }
}

describe('a record that R2 had before its id was used again stays deleted', () => {
  it.each(['refused', 'applied without an answer'])(
    'when the deletion of the next one is %s',
    async (fate) => {
      const primary = createMemoryBackend()
      let fails = false
      const failing: StorageBackend = {
        ...primary,
        async commit(...about) {
          if (!fails) return primary.commit(...about)
          if (fate === 'refused') throw new UmbraError('UNAVAILABLE', 'the fake is down')
          await primary.commit(...about)
          throw new UmbraError('OUTCOME_PENDING', 'the answer is lost')
        },
      }
      const hybrid = manageBackend(createHybridBackend({ primary: failing, secondary: await sqlite() }))
      const onR2 = manageBackend(primary)
      await useAgain(hybrid, onR2)
      fails = true
      await expect(deleteFrom(hybrid)).rejects.toThrow(UmbraError)
      fails = false
      await deleteFrom(onR2)
      expect(await readFrom(hybrid)).toBeNull()
      await hybrid.close()
    },
  )

  it('when its copy cannot be deleted with the next one', async () => {
    const primary = createMemoryBackend()
    const { backend, failing } = await failingToDelete()
    const hybrid = manageBackend(createHybridBackend({ primary, secondary: backend }))
    await useAgain(hybrid, manageBackend(primary))
    failing.fails = true
    expect(await deleteFrom(hybrid)).toBe(true)
    expect(await readFrom(hybrid)).toBeNull()
    expect(await readFrom(alone)).toBeNull()
    await hybrid.close()
  })

  it('when its copy cannot be deleted with the next one, behind an outbox', async () => {
    const store = createFakeStore()
    const { backend, failing } = await failingToDelete()
    const parts = { primary: store.client(), secondary: backend }
    const outbox = await openOutbox({ path: folder.sqlitePath })
    const hybrid = manageBackend(createHybridWithOutbox({ ...parts, outbox, policy: QUICK }))
    await useAgain(hybrid, manageBackend(store.direct))
    failing.fails = true
    expect(await deleteFrom(hybrid)).toBe(true)
    await hybrid.sync({ timeoutMs: 10_000 })
    expect(await readFrom(hybrid)).toBeNull()
    expect(await readFrom(alone)).toBeNull()
    await hybrid.close()
  })

  it('although a slower process notes an earlier one after it', async () => {
    const primary = createMemoryBackend()
    const secondary = await sqlite()
    const other = manageBackend(createHybridBackend({ primary, secondary: await sqlite() }))
    let isCommitted = false
    const slow: StorageBackend = {
      ...plainBackend(secondary),
      async getEntry(...about) {
        const found = await secondary.getEntry(...about)
        if (isCommitted) {
          isCommitted = false
          await deleteFrom(other)
          await nextMillisecond()
          await other.storeData({ ...AT, id: 'a', data: 'later' })
        }
        return found
      },
    }
    const noticed: StorageBackend = {
      ...primary,
      async commit(...about) {
        const committed = await primary.commit(...about)
        isCommitted = true
        return committed
      },
    }
    const hybrid = manageBackend(createHybridBackend({ primary: noticed, secondary: slow }))
    await hybrid.storeData({ ...AT, id: 'a', data: 'earlier' })
    await deleteFrom(manageBackend(primary))
    expect(await readFrom(other)).toBeNull()
    await hybrid.close()
    await other.close()
  })
})

it('the record that uses an id again keeps its copy, although its clock says that it is the earlier one', async () => {
  const primary = createMemoryBackend()
  const other = manageBackend(createHybridBackend({ primary, secondary: await sqlite() }))
  const now = Date.now()
  let stored: string | undefined
  const slow: StorageBackend = {
    ...primary,
    async commit(...about) {
      const committed = await primary.commit(...about)
      if (stored === undefined) {
        await deleteFrom(other)
        const clock = vi.spyOn(Date, 'now').mockReturnValue(now - 60_000)
        stored = (await other.storeData({ ...AT, id: 'a', data: 'live' })).etag
        clock.mockRestore()
      }
      return committed
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary: slow, secondary: await sqlite() }))
  await hybrid.storeData({ ...AT, id: 'a', data: 'deleted meanwhile' })
  expect(await readFrom(alone)).toMatchObject({ data: 'live', etag: stored })
  await hybrid.close()
  await other.close()
})
