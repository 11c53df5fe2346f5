import { createMemoryBackend, isUmbraError, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageRecord } from '@umbra/core'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { copyAgain } from './copy-again.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
beforeEach(async () => {
  folder = await createStorageFolder()
})
afterEach(() => folder.remove())

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })

it('does not stay when the record is deleted while it is copied', async () => {
  const primary = createMemoryBackend()
  const secondary = await sqlite()
  const hybrid = manageBackend(createHybridBackend({ primary, secondary }))
  await manageBackend(primary).storeData({ ...AT, id: 'a', data: 1 })
  const deletedMeanwhile: StorageBackend = {
    ...primary,
    async openBody(...about) {
      const chunks: Uint8Array[] = []
      for await (const chunk of await primary.openBody(...about)) chunks.push(chunk)
      expect(await hybrid.deleteData('m', 'u', 'a', { hard: true })).toBe(true)
      return oneAfterAnother(chunks)
    },
  }
  await copyAgain({ primary: deletedMeanwhile, secondary }, AT, 'a')
  expect(await manageBackend(secondary).retrieveData('m', 'u', 'a')).toBeNull()
  await hybrid.close()
})

it('does not stay when the record is deleted through an outbox before it is made', async () => {
  const primary = createFakeStore().client()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const secondary = await sqlite()
  const other = manageBackend(
    createHybridWithOutbox({ primary, secondary: await sqlite(), outbox, policy: QUICK }),
  )
  let isDeleted = false
  const slow: StorageBackend = {
    ...plainBackend(secondary),
    async commit(...about) {
      if (!isDeleted) expect(await other.deleteData('m', 'u', 'a', { hard: true })).toBe(true)
      isDeleted = true
      return secondary.commit(...about)
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary, secondary: slow }))
  await hybrid.storeData({ ...AT, id: 'a', data: 1 })
  expect(await manageBackend(secondary).retrieveData('m', 'u', 'a')).toBeNull()
  await hybrid.close()
  await other.close()
})

it.each(['made', 'under way'])(
  'does not stay at a higher revision than R2 has, when the deletion is %s before it',
  async (state) => {
    const primary = createMemoryBackend()
    const secondary = await sqlite()
    const alone = manageBackend(await sqlite())
    // SQLite knows of a deletion that R2 does not know of (any more).
    await alone.storeData({ ...AT, id: 'a', data: 1 })
    await alone.deleteData('m', 'u', 'a')
    await nextMillisecond()
    let arrive = () => {}
    let isSent = () => {}
    const sent = new Promise<void>((resolve) => (isSent = resolve))
    const arrived = new Promise<void>((resolve) => (arrive = resolve))
    const held: StorageBackend = {
      ...primary,
      async commit(...about) {
        isSent()
        await arrived
        return primary.commit(...about)
      },
    }
    const other = manageBackend(
      createHybridBackend({ primary: state === 'made' ? primary : held, secondary: await sqlite() }),
    )
    let deletion: Promise<boolean> | undefined
    const slow: StorageBackend = {
      ...plainBackend(secondary),
      async commit(...about) {
        deletion ??= other.deleteData('m', 'u', 'a')
        await (state === 'made' ? deletion : sent)
        return secondary.commit(...about)
      },
    }
    const hybrid = manageBackend(createHybridBackend({ primary, secondary: slow }))
    await hybrid.storeData({ ...AT, id: 'a', data: 2 })
    arrive()
    expect(await deletion?.catch((error: unknown) => error)).toSatisfy(
      (outcome) => outcome === true || isUmbraError(outcome),
    )
    const left = await hybrid.retrieveData('m', 'u', 'a')
    expect((await alone.retrieveData('m', 'u', 'a'))?.data).toEqual(left?.data)
    if (state === 'made') expect(left).toBeNull()
    await alone.close()
    await other.close()
  },
)

it('does not stay when an outbox has looked for copies before it noted its deletion', async () => {
  const primary = createFakeStore().client()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const [secondary, others] = [await sqlite(), await sqlite()]
  let isNoting = () => {}
  let goOn = () => {}
  const noting = new Promise<void>((resolve) => (isNoting = resolve))
  const released = new Promise<void>((resolve) => (goOn = resolve))
  const slowToNote: StorageBackend = {
    ...plainBackend(others),
    blobs: {
      ...plainBackend(others).blobs,
      async put(...about) {
        if (new TextDecoder().decode(about[1]).includes('deletedRev')) {
          isNoting()
          await released
        }
        return others.blobs.put(...about)
      },
    },
  }
  const other = manageBackend(
    createHybridWithOutbox({ primary, secondary: slowToNote, outbox, policy: QUICK }),
  )
  let deletion: Promise<boolean> | undefined
  const slow: StorageBackend = {
    ...plainBackend(secondary),
    async commit(...about) {
      deletion ??= other.deleteData('m', 'u', 'a')
      await noting
      return secondary.commit(...about)
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary, secondary: slow }))
  await hybrid.storeData({ ...AT, id: 'a', data: 1 })
  goOn()
  expect(await deletion).toBe(true)
  expect(await manageBackend(secondary).retrieveData('m', 'u', 'a')).toBeNull()
  await hybrid.close()
  await other.close()
})

it.each([
  ['on SQLite alone', 'alone'],
  ['on both sides', 'other'],
] as const)('leaves alone what was stored under the id since, %s, with the same content', async (_, by) => {
  const primary = createMemoryBackend()
  const secondary = await sqlite()
  const alone = manageBackend(await sqlite())
  const other = manageBackend(createHybridBackend({ primary, secondary }))
  let stored: Omit<StorageRecord, 'data'> | undefined
  const replacedMeanwhile: StorageBackend = {
    ...primary,
    async commit(...about) {
      const committed = await primary.commit(...about)
      if (stored !== undefined) return committed
      await other.deleteData('m', 'u', 'a')
      await nextMillisecond()
      stored = await { alone, other }[by].storeData({ ...AT, id: 'a', data: 1 })
      return committed
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary: replacedMeanwhile, secondary }))
  await hybrid.storeData({ ...AT, id: 'a', data: 1 })
  expect((await alone.retrieveData('m', 'u', 'a'))?.etag).toBe(stored?.etag)
  await alone.close()
  await other.close()
})

it('does not stay when the id was used again meanwhile, and is free again', async () => {
  const primary = createMemoryBackend()
  const secondary = await sqlite()
  const other = manageBackend(createHybridBackend({ primary, secondary: await sqlite() }))
  let isUsed = false
  const usedMeanwhile: StorageBackend = {
    ...primary,
    async commit(...about) {
      const committed = await primary.commit(...about)
      if (isUsed) return committed
      isUsed = true
      await other.deleteData('m', 'u', 'a')
      await nextMillisecond()
      await other.storeData({ ...AT, id: 'a', data: 2 })
      await other.deleteData('m', 'u', 'a')
      return committed
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary: usedMeanwhile, secondary }))
  await hybrid.storeData({ ...AT, id: 'a', data: 1 })
  expect(await manageBackend(secondary).retrieveData('m', 'u', 'a')).toBeNull()
  await hybrid.close()
  await other.close()
})

it('of a blob does not stay when another process deletes it while a read copies it', async () => {
  const primary = createMemoryBackend()
  const secondary = await sqlite()
  const other = manageBackend(createHybridBackend({ primary, secondary }))
  await manageBackend(primary).putBlob('settings', 1)
  let isDeleted = false
  const deletedMeanwhile: StorageBackend = {
    ...plainBackend(secondary),
    blobs: {
      ...plainBackend(secondary).blobs,
      async put(...about) {
        if (!isDeleted) await other.deleteBlob('settings')
        isDeleted = true
        return secondary.blobs.put(...about)
      },
    },
  }
  const reader = manageBackend(createHybridBackend({ primary, secondary: deletedMeanwhile }))
  expect((await reader.getBlob('settings'))?.value).toBe(1)
  expect(await manageBackend(secondary).getBlob('settings')).toBeNull()
  await other.close()
})

it('that can never be made does not hold up what comes behind it', async () => {
  const store = createFakeStore()
  const outbox = await openOutbox({ path: folder.sqlitePath })
  const client = store.client()
  const { numbered = expect.unreachable() } = client
  const other = manageBackend(store.direct)
  const { etag } = await other.storeData({ ...AT, id: 'a', data: 1 })
  let isOvertaken = false
  const primary: StorageBackend = {
    ...client,
    openBody: async () => {
      throw new UmbraError('CORRUPT', 'the body is gone')
    },
    numbered: {
      async commitNumbered(...about) {
        if (!isOvertaken) await other.updateData({ ...AT, recordId: 'a', data: 2 })
        isOvertaken = true
        return numbered.commitNumbered(...about)
      },
    },
  }
  const secondary = await sqlite()
  const storage = manageBackend(createHybridWithOutbox({ primary, secondary, outbox, policy: QUICK }))
  await expect(storage.updateData({ ...AT, recordId: 'a', data: 3, ifMatch: etag })).rejects.toMatchObject({
    code: 'PRECONDITION_FAILED',
  })
  expect(await storage.storeData({ ...AT, id: 'b', data: 4 })).toMatchObject({ pending: false })
  await storage.close()
})

async function* oneAfterAnother(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
