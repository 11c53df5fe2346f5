import { createMemoryBackend, manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'

const AT = { module: 'm', userId: 'u' }

let folder: StorageFolder
let primary: StorageBackend
let alone: StorageManager
beforeEach(async () => {
  folder = await createStorageFolder()
  primary = createMemoryBackend()
  alone = manageBackend(await sqlite())
  // SQLite knows of a deletion that R2 does not know of: it raises its copies above that.
  await alone.storeData({ ...AT, id: 'a', data: 'earlier' })
  await alone.updateData({ ...AT, recordId: 'a', data: 'earlier still' })
  await alone.deleteData('m', 'u', 'a')
  await nextMillisecond()
})
afterEach(async () => {
  await alone.close()
  await folder.remove()
})

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })
/** So that the next record is a later one. */
const nextMillisecond = () => new Promise((resolve) => setTimeout(resolve, 2))

/** Two processes: one holds its commit to R2 until the other's copy to SQLite is made, which is not known in R2 yet. */
async function openBoth(overtake: (other: StorageManager) => Promise<unknown>) {
  const secondary = await sqlite()
  let isHolding = () => {}
  let release = () => {}
  const held = new Promise<void>((resolve) => (isHolding = resolve))
  const released = new Promise<void>((resolve) => (release = resolve))
  const holding: StorageBackend = {
    ...primary,
    async commit(namespace, mutations) {
      if (mutations[0]?.kind === 'put') {
        isHolding()
        await released
      }
      return primary.commit(namespace, mutations)
    },
  }
  const other = manageBackend(createHybridBackend({ primary: holding, secondary: await sqlite() }))
  let overtaking: Promise<unknown> | undefined
  const overtaken: StorageBackend = {
    ...plainBackend(secondary),
    async commit(...about) {
      if (overtaking !== undefined) return secondary.commit(...about)
      overtaking = overtake(other)
      await held
      const copied = await secondary.commit(...about)
      release()
      await overtaking
      return copied
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary, secondary: overtaken }))
  return { hybrid, other }
}

it("is replaced by another process's update that could not be copied over it", async () => {
  const { hybrid, other } = await openBoth((other) =>
    other.updateData({ ...AT, recordId: 'a', data: 'updated' }),
  )
  await hybrid.storeData({ ...AT, id: 'a', data: 'stored' })
  expect(await hybrid.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'updated', storageBackend: 'r2' })
  expect((await alone.retrieveData('m', 'u', 'a'))?.data).toBe('updated')
  const [inR2, inSqlite] = [await primary.getEntry(AT, 'a'), await alone.retrieveData('m', 'u', 'a')]
  expect(inR2?.entry.rev).toBe(inSqlite?.revision)
  await hybrid.close()
  await other.close()
})

it('is replaced by the record that another process stored under the id after it was deleted', async () => {
  const { hybrid, other } = await openBoth(async (other) => {
    await other.deleteData('m', 'u', 'a')
    await nextMillisecond()
    await other.storeData({ ...AT, id: 'a', data: 'another' })
  })
  await hybrid.storeData({ ...AT, id: 'a', data: 'stored' })
  expect((await hybrid.retrieveData('m', 'u', 'a'))?.data).toBe('another')
  expect((await alone.retrieveData('m', 'u', 'a'))?.data).toBe('another')
  await hybrid.close()
  await other.close()
})
