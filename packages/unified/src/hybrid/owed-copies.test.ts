import { UmbraError } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createCopyBacklog } from './copy-backlog.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { entriesOf, openHybrid } from './hybrid.fixture.ts'
import type { HybridUnderTest } from './hybrid.fixture.ts'
import { createOwedCopies } from './owed-copies.ts'

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

const RECORDS = Array.from({ length: 40 }, (_, n) => ({ id: `r${n}`, data: n }))

/** An import that ends between R2 and its copies, as when the process is killed there. */
async function importWithoutCopies(): Promise<void> {
  const disk = { full: false }
  const dying = await openHybrid(server, folder.sqlitePath, {
    primary: (backend) => ({
      ...backend,
      async commit(...about) {
        const committed = await backend.commit(...about)
        disk.full = true
        return committed
      },
    }),
    secondary: withFullDisk(disk),
  })
  expect(await dying.hybrid.importData('m', 'u', RECORDS)).toEqual({ committed: RECORDS.length })
  expect(await entriesOf(dying.secondary, 'm')).toEqual([])
  await dying.close()
}

/** What another process notes before it commits. */
async function noteBatch(parts: HybridUnderTest, ids: readonly string[]): Promise<void> {
  await createOwedCopies(parts, createCopyBacklog()).note({ module: 'm', userId: 'u' }, ids)
}

async function expectEqualAfter(use: (under: HybridUnderTest) => Promise<unknown>): Promise<void> {
  const under = await openHybrid(server, folder.sqlitePath)
  await use(under)
  const expected = await entriesOf(under.primary, 'm')
  await expect.poll(() => entriesOf(under.secondary, 'm'), { timeout: 10_000 }).toEqual(expected)
  await expect.poll(() => notesIn(under)).toBe('[]')
  await under.close()
}

async function notesIn({ secondary }: HybridUnderTest): Promise<string> {
  const noted = await secondary.blobs.get('hybrid/owed.json')
  return new TextDecoder().decode(noted?.bytes)
}

it.each([
  ['reads a record', ({ hybrid }: HybridUnderTest) => hybrid.retrieveData('m', 'u', 'r1')],
  ['lists', ({ hybrid }: HybridUnderTest) => hybrid.listEntries('another', 'u')],
  ['writes', ({ hybrid }: HybridUnderTest) => hybrid.storeData({ module: 'm', userId: 'u', data: 1 })],
])('copies what an import owes when the next process %s', async (_what, use) => {
  await importWithoutCopies()
  await expectEqualAfter(use)
})

it('does not bring back what was deleted or changed since', async () => {
  await importWithoutCopies()
  const between = await openHybrid(server, folder.sqlitePath)
  await between.onR2.deleteData('m', 'u', 'r0')
  await between.onR2.updateData({ module: 'm', userId: 'u', recordId: 'r1', data: 'changed' })
  await between.close()
  await expectEqualAfter(({ hybrid }) => hybrid.retrieveData('m', 'u', 'r0'))
})

it('owes nothing for an import that was refused, or that another process is still committing', async () => {
  const other = await openHybrid(server, folder.sqlitePath)
  await other.hybrid.storeData({ module: 'm', userId: 'u', id: 'r0', data: 'mine' })
  const under = await openHybrid(server, folder.sqlitePath, {
    primary: (backend) => ({
      ...backend,
      async commit(...about) {
        // Looks while this one is noted and not committed.
        await other.hybrid.retrieveData('m', 'u', 'r0')
        return backend.commit(...about)
      },
    }),
  })
  await expect(under.hybrid.importData('m', 'u', RECORDS)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  await under.hybrid.importData('m', 'u', RECORDS.slice(1))
  expect(await notesIn(under)).toBe('[]')
  expect(await entriesOf(under.secondary, 'm')).toHaveLength(RECORDS.length)
  await under.close()
  await other.close()
})

it('keeps the note of a batch that is still being committed, although ids of it were deleted before', async () => {
  const under = await openHybrid(server, folder.sqlitePath)
  const { hybrid, onR2, secondary } = under
  await hybrid.storeData({ module: 'm', userId: 'u', id: 'again', data: 1 })
  await hybrid.deleteData('m', 'u', 'again')
  await noteBatch(under, ['again'])
  await onR2.storeData({ module: 'm', userId: 'u', id: 'later', data: 1 })
  await noteBatch(under, ['later'])
  const next = await openHybrid(server, folder.sqlitePath)
  await next.hybrid.retrieveData('m', 'u', 'again')
  await expect.poll(() => entriesOf(secondary, 'm'), { timeout: 10_000 }).toHaveLength(1)
  await expect.poll(() => notesIn(under)).not.toContain('later')
  expect(await notesIn(under)).toContain('again')
  await next.close()
  await under.close()
})

it('copies what is left of a batch whose first and last records were deleted since, once no commit can be on its way', async () => {
  const under = await openHybrid(server, folder.sqlitePath)
  const { onR2, secondary } = under
  await onR2.storeMany(['a', 'b', 'c'].map((id) => ({ module: 'm', userId: 'u', id, data: id })))
  await noteBatch(under, ['a', 'b', 'c'])
  await onR2.deleteData('m', 'u', 'a')
  await onR2.deleteData('m', 'u', 'c')
  const inTwoDays = { now: () => Date.now() + 2 * 24 * 60 * 60 * 1_000, sleep: async () => {} }
  const owed = createOwedCopies(under, createCopyBacklog(), inTwoDays)
  owed.wake()
  await expect.poll(() => notesIn(under), { timeout: 10_000 }).toBe('[]')
  expect(await entriesOf(secondary, 'm')).toMatchObject([{ id: 'b' }])
  await owed.close()
  await under.close()
})

it('copies the others when one record cannot be copied, and keeps that one noted', async () => {
  const refusing = (backend: StorageBackend): StorageBackend => ({
    ...plainBackend(backend),
    async commit(namespace, mutations) {
      const isDamaged = mutations.some((one) => one.kind === 'put' && one.draft.id === 'damaged')
      if (isDamaged) throw new UmbraError('CORRUPT', 'the body is not what its hash says')
      return backend.commit(namespace, mutations)
    },
  })
  const under = await openHybrid(server, folder.sqlitePath, { secondary: refusing })
  const { hybrid, onR2, secondary } = under
  const ids = ['damaged', 'with it', 'after it']
  await onR2.storeMany(ids.map((id) => ({ module: 'm', userId: 'u', id, data: id })))
  await noteBatch(under, ['damaged', 'with it'])
  await noteBatch(under, ['after it'])
  await hybrid.listEntries('m', 'u')
  await expect.poll(() => entriesOf(secondary, 'm'), { timeout: 10_000 }).toHaveLength(2)
  await expect.poll(() => notesIn(under)).not.toContain('after it')
  expect(await notesIn(under)).toContain('damaged')
  await under.close()
})
