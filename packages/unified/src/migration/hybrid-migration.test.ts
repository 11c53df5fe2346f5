import { encodeCursor, manageBackend, UmbraError } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { betweenHalves, migrationNotes } from '../hybrid/migration-notes.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { contentsOf } from './migration.fixture.ts'
import { runMigration } from './run-migration.ts'
import { verifyMigration } from './verify-migration.ts'

const USER = 'u'

describe('a migration while the application writes in hybrid mode', () => {
  let server: LocalR2
  let folder: StorageFolder
  beforeAll(async () => {
    server = await startLocalR2()
  })
  afterAll(() => server.close())
  beforeEach(async () => {
    folder = await createStorageFolder()
    return () => folder.remove()
  })

  const openSides = async () => ({
    sqlite: await createSqliteBackend({ path: folder.sqlitePath }),
    r2: await createR2Backend(server.settings),
  })
  /** With connections of its own, as another process has. */
  const openApplication = async () => {
    const { sqlite, r2 } = await openSides()
    return manageBackend(createHybridBackend({ primary: r2, secondary: sqlite }))
  }

  async function fill(storage: StorageManager, module: string, count: number): Promise<string[]> {
    const requests = Array.from({ length: count }, (_, n) => ({
      module,
      userId: USER,
      id: `old-${String(n).padStart(3, '0')}`,
      data: { n, version: 'old' },
    }))
    await storage.storeMany(requests)
    return requests.map(({ id }) => id)
  }

  /** Adds, changes and deletes, until told to stop; resolves to what must be there in the end. */
  async function writeUntil(
    application: StorageManager,
    module: string,
    { ids, isOver }: { ids: readonly string[]; isOver: () => boolean },
  ): Promise<Map<string, unknown>> {
    const expected = new Map<string, unknown>(ids.map((id, n) => [id, { n, version: 'old' }]))
    for (let step = 0; !isOver() || step < 9; step++) {
      const id = ids[(step * 37) % ids.length] ?? ''
      if (step % 3 === 0) {
        const data = { step, version: 'new' }
        const created = await application.storeData({ module, userId: USER, data })
        expected.set(created.id, data)
      } else if (expected.has(id)) {
        const data = { step, version: 'changed' }
        if (step % 3 === 1) {
          await application.updateData({ module, userId: USER, recordId: id, data })
          expected.set(id, data)
        } else {
          await application.deleteData(module, USER, id)
          expected.delete(id)
        }
      }
    }
    return expected
  }

  async function valuesIn(storage: StorageManager, module: string): Promise<Map<string, unknown>> {
    const records = await storage.retrieveData(module, USER)
    return new Map(records.map(({ id, data }) => [id, data]))
  }

  it('loses nothing, brings nothing back, and ends with equal sides', async () => {
    const module = 'busy'
    const { sqlite, r2 } = await openSides()
    const ids = await fill(manageBackend(sqlite), module, 200)
    const application = await openApplication()
    let isOver = false
    const writing = writeUntil(application, module, { ids, isOver: () => isOver })
    const report = await runMigration(sqlite, r2, { module, concurrency: 4 }).finally(() => (isOver = true))
    const expected = await writing
    expect(report.findings).toEqual([])
    const last = await runMigration(sqlite, r2, { module })
    expect(last).toMatchObject({ settled: true, findings: [] })
    expect(await verifyMigration(sqlite, r2, { module })).toMatchObject({ equal: true })
    expect(await valuesIn(application, module)).toEqual(expected)
    expect(await valuesIn(manageBackend(r2), module)).toEqual(expected)
    await Promise.all([application.close(), sqlite.close(), r2.close()])
  })

  it('leaves what the application wrote to r2 first, also on the way back', async () => {
    const module = 'back'
    const { sqlite, r2 } = await openSides()
    const ids = await fill(manageBackend(r2), module, 60)
    const application = await openApplication()
    let isOver = false
    const writing = writeUntil(application, module, { ids, isOver: () => isOver })
    await runMigration(r2, sqlite, { module, concurrency: 4 }).finally(() => (isOver = true))
    const expected = await writing
    expect(await runMigration(r2, sqlite, { module })).toMatchObject({ settled: true, findings: [] })
    expect(await valuesIn(manageBackend(sqlite), module)).toEqual(expected)
    await Promise.all([application.close(), sqlite.close(), r2.close()])
  })

  it('copies a record once that r2 deletes and stores anew while it is listed', async () => {
    const module = 'again'
    const { sqlite, r2 } = await openSides()
    const onR2 = manageBackend(r2)
    const record = { module, userId: USER, id: 'again' }
    await onR2.storeData({ ...record, data: 'old' })
    let isListed = false
    const source: StorageBackend = {
      ...plainBackend(r2),
      async findEntries(...about) {
        const page = await r2.findEntries(...about)
        const last = page.items.at(-1)
        if (isListed || last === undefined) return page
        isListed = true
        await onR2.deleteData(module, USER, 'again')
        await onR2.storeData({ ...record, data: 'new' })
        return { ...page, cursor: encodeCursor('oldest', last.entry) }
      },
    }
    const report = await runMigration(source, sqlite, { module, ...betweenHalves(sqlite, 'target') })
    expect(report).toMatchObject({ settled: true, total: { copied: 1, alreadyThere: 0 }, findings: [] })
    expect(await manageBackend(sqlite).retrieveData(module, USER, 'again')).toMatchObject({ data: 'new' })
    await Promise.all([sqlite.close(), r2.close()])
  })

  it('notes what it copied, so that a deletion by a process on r2 alone stays one', async () => {
    const module = 'noted'
    const { sqlite, r2 } = await openSides()
    const [id = ''] = await fill(manageBackend(sqlite), module, 2)
    await runMigration(sqlite, r2, { module, ...migrationNotes(sqlite) })
    await manageBackend(r2).deleteData(module, USER, id)
    const application = await openApplication()
    expect(await application.retrieveData(module, USER, id)).toBeNull()
    expect(await runMigration(sqlite, r2, { module })).toMatchObject({
      total: { copied: 0, deletedInTarget: 1 },
    })
    // The other way round it is the deletion that is copied.
    expect(await runMigration(r2, sqlite, { module })).toMatchObject({ total: { deleted: 1 } })
    expect(await contentsOf(sqlite, { module, userId: USER })).toHaveLength(1)
    await Promise.all([application.close(), sqlite.close(), r2.close()])
  })

  it('notes what it copied also when the answer was lost', async () => {
    const module = 'lost'
    const { sqlite, r2 } = await openSides()
    const ids = await fill(manageBackend(sqlite), module, 2)
    let isLost = false
    const commit: StorageBackend['commit'] = async (...about) => {
      const stored = await r2.commit(...about)
      if (isLost) return stored
      isLost = true
      throw new UmbraError('OUTCOME_PENDING', 'the answer was lost')
    }
    await runMigration(sqlite, { ...r2, commit }, { module, ...migrationNotes(sqlite) })
    for (const id of ids) await manageBackend(r2).deleteData(module, USER, id)
    const application = await openApplication()
    expect(await application.retrieveData(module, USER)).toEqual([])
    await Promise.all([application.close(), sqlite.close(), r2.close()])
  })
})
