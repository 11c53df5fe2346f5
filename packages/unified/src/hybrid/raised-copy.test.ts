import { randomUUID } from 'node:crypto'
import { manageBackend, UmbraError } from '@umbra/core'
import type { Mutation, StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { nextMillisecond } from '../next-millisecond.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'

let server: LocalR2
let primary: StorageBackend
let onR2: StorageManager
beforeAll(async () => {
  server = await startLocalR2()
  primary = plainBackend(await createR2Backend(server.settings))
  onR2 = manageBackend(primary)
})
afterAll(async () => {
  await onR2.close()
  await server.close()
})

let at: { readonly module: string; readonly userId: string }
let folder: StorageFolder
let alone: StorageManager
beforeEach(async () => {
  at = { module: `m-${randomUUID()}`, userId: 'u' }
  folder = await createStorageFolder()
  alone = manageBackend(await sqlite())
  // SQLite knows of a deletion that R2 does not know of: it raises its copies above that.
  await alone.storeData({ ...at, id: 'a', data: 'earlier' })
  await alone.updateData({ ...at, recordId: 'a', data: 'earlier still' })
  await deleteFrom(alone)
  await nextMillisecond()
})
afterEach(async () => {
  await alone.close()
  await folder.remove()
})

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })

const readFrom = (storage: StorageManager) => storage.retrieveData(at.module, at.userId, 'a')
const deleteFrom = (storage: StorageManager) => storage.deleteData(at.module, at.userId, 'a')
/** Of SQLite's entry, then of R2's. */
const revisions = async () => [(await readFrom(alone))?.revision, (await readFrom(onR2))?.revision]

/** A process that has made its copy, and whose raise of R2 ends like this once. */
async function openWithRaise(
  raise: () => Promise<unknown>,
  afterCopy: () => Promise<unknown> = async () => {},
): Promise<StorageManager> {
  const secondary = plainBackend(await sqlite())
  let commits = 0
  const disturbed: StorageBackend = {
    ...primary,
    async commit(...about) {
      if (++commits === 2) await raise()
      return primary.commit(...about)
    },
  }
  const disturbedToo: StorageBackend = {
    ...secondary,
    async commit(...about) {
      const copied = await secondary.commit(...about)
      if (commits === 2) await afterCopy()
      return copied
    },
  }
  return manageBackend(createHybridBackend({ primary: disturbed, secondary: disturbedToo }))
}

const loseRequest = async () => {
  throw new UmbraError('UNAVAILABLE', 'the request is lost')
}

/** Two processes: one holds its commit to R2 until the other's copy to SQLite is made, which is not known in R2 yet. */
async function openBoth(overtake: (other: StorageManager) => Promise<unknown>) {
  const secondary = await sqlite()
  const copying: Mutation['kind'][] = []
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
    async commit(namespace, mutations) {
      copying.push(...mutations.map(({ kind }) => kind))
      if (overtaking !== undefined) return secondary.commit(namespace, mutations)
      overtaking = overtake(other)
      await held
      const copied = await secondary.commit(namespace, mutations)
      release()
      await overtaking
      return copied
    },
  }
  const hybrid = manageBackend(createHybridBackend({ primary, secondary: overtaken }))
  return { hybrid, other, copying }
}

it("is replaced by another process's update that could not be copied over it", async () => {
  const { hybrid, other, copying } = await openBoth((other) =>
    other.updateData({ ...at, recordId: 'a', data: 'updated' }),
  )
  const { etag } = await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  expect(await readFrom(hybrid)).toMatchObject({ data: 'updated', storageBackend: 'r2' })
  expect((await readFrom(alone))?.data).toBe('updated')
  // At no moment did SQLite say that it was deleted, which a migration just then would have carried to R2.
  expect(copying).toEqual(['put', 'put'])
  expect(await revisions()).toEqual([5, 5])
  // Who stored it has not seen the update.
  const unseen = hybrid.updateData({ ...at, recordId: 'a', data: 'unseen', ifMatch: etag })
  await expect(unseen).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
  await hybrid.close()
  await other.close()
})

it('is replaced by the record that another process stored under the id after it was deleted', async () => {
  const { hybrid, other } = await openBoth(async (other) => {
    await deleteFrom(other)
    await nextMillisecond()
    await other.storeData({ ...at, id: 'a', data: 'another' })
  })
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  expect((await readFrom(hybrid))?.data).toBe('another')
  expect((await readFrom(alone))?.data).toBe('another')
  await hybrid.close()
  await other.close()
})

it('stays as it is when several that read it raise R2 at once', async () => {
  const hybrid = await openWithRaise(loseRequest)
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  expect(await revisions()).toEqual([4, 1])
  await Promise.all(Array.from({ length: 4 }, () => readFrom(hybrid)))
  expect(await revisions()).toEqual([4, 4])
  await hybrid.close()
})

it('gives its place up when R2 has deleted its record and used the id again', async () => {
  const hybrid = await openWithRaise(loseRequest)
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  await deleteFrom(onR2)
  await nextMillisecond()
  await onR2.storeData({ ...at, id: 'a', data: 'another' })
  expect((await readFrom(hybrid))?.data).toBe('another')
  expect((await readFrom(alone))?.data).toBe('another')
  expect(await deleteFrom(hybrid)).toBe(true)
  expect(await readFrom(alone)).toBeNull()
  await hybrid.close()
})

it('stays for a comparison when SQLite alone has changed it before R2 deleted its record', async () => {
  const hybrid = await openWithRaise(async () => {
    await alone.updateData({ ...at, recordId: 'a', data: 'changed on SQLite' })
    await deleteFrom(onR2)
  })
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  expect((await readFrom(alone))?.data).toBe('changed on SQLite')
  expect(await readFrom(hybrid)).toBeNull()
  await hybrid.close()
})

it('follows what R2 alone has changed since, when the raise did not arrive', async () => {
  const hybrid = await openWithRaise(loseRequest)
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  await onR2.updateData({ ...at, recordId: 'a', data: 'updated on R2' })
  expect((await readFrom(hybrid))?.data).toBe('updated on R2')
  expect((await readFrom(alone))?.data).toBe('updated on R2')
  expect(await revisions()).toEqual([5, 5])
  await hybrid.close()
})

it('of an import is raised in R2 later, when the raise did not arrive', async () => {
  const hybrid = await openWithRaise(loseRequest)
  await hybrid.importData(at.module, at.userId, [{ id: 'a', data: 'imported' }])
  expect(await revisions()).toEqual([4, 1])
  await readFrom(hybrid)
  await expect.poll(revisions).toEqual([4, 4])
  await hybrid.close()
})

it('is not one of a record with the same revision and content that R2 has since', async () => {
  const hybrid = await openWithRaise(async () => {
    await deleteFrom(onR2)
    await nextMillisecond()
    await onR2.storeData({ ...at, id: 'a', data: 'stored', metadata: { by: 'R2' } })
    await onR2.updateData({ ...at, recordId: 'a', data: 'stored' })
  })
  const own = await hybrid.storeData({ ...at, id: 'a', data: 'stored', metadata: { by: 'hybrid' } })
  expect(own.metadata).toEqual({ by: 'hybrid' })
  expect((await readFrom(alone))?.metadata).toEqual({ by: 'R2' })
  await hybrid.close()
})

it('goes with the record when another process deletes that, although the raise did not arrive and R2 alone has changed it since', async () => {
  const hybrid = await openWithRaise(loseRequest)
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  await hybrid.close()
  await onR2.updateData({ ...at, recordId: 'a', data: 'updated on R2' })
  const other = manageBackend(createHybridBackend({ primary, secondary: await sqlite() }))
  expect(await deleteFrom(other)).toBe(true)
  expect(await readFrom(alone)).toBeNull()
  await other.close()
})

it('is never taken for a record on SQLite alone while it is replaced', async () => {
  const other = manageBackend(createHybridBackend({ primary, secondary: plainBackend(await sqlite()) }))
  let seen: unknown
  const hybrid = await openWithRaise(
    async () => {
      await deleteFrom(onR2)
      await nextMillisecond()
      await onR2.storeData({ ...at, id: 'a', data: 'another' })
    },
    async () => {
      await deleteFrom(onR2)
      seen ??= await readFrom(other)
    },
  )
  await hybrid.storeData({ ...at, id: 'a', data: 'stored' })
  expect(seen).toBeNull()
  expect(await readFrom(hybrid)).toBeNull()
  await hybrid.close()
})
