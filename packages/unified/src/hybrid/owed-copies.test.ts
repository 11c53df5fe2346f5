import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { withFullDisk } from './full-disk.fixture.ts'
import { entriesOf, openHybrid } from './hybrid.fixture.ts'
import type { HybridUnderTest } from './hybrid.fixture.ts'

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
