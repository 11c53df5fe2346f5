import { manageBackend } from '@umbra/core'
import type { StorageManager } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend, openOutbox } from '@umbra/sqlite'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { changeFile } from '../../../sqlite/src/change-file.fixture.ts'
import { runMigration } from '../migration/run-migration.ts'
import { verifyMigration } from '../migration/verify-migration.ts'
import { QUICK } from '../outbox/outbox-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { createHybridBackend } from './hybrid-backend.ts'
import { createHybridWithOutbox } from './hybrid-with-outbox.ts'
import { migrationNotes } from './migration-notes.ts'

const RECORD = { userId: 'u', id: 'a' }

let server: LocalR2
let folder: StorageFolder
let opened: StorageManager[]
beforeAll(async () => {
  server = await startLocalR2()
})
afterAll(() => server.close())
beforeEach(async () => {
  folder = await createStorageFolder()
  opened = []
})
afterEach(async () => {
  for (const storage of opened) await storage.close()
  await folder.remove()
})

const sqlite = () => createSqliteBackend({ path: folder.sqlitePath, durability: 'relaxed' })

async function openHybrid(kind: string): Promise<StorageManager> {
  const parts = { primary: await createR2Backend(server.settings), secondary: await sqlite() }
  if (kind === 'without an outbox') return keep(manageBackend(createHybridBackend(parts)))
  const outbox = await openOutbox({ path: folder.sqlitePath })
  return keep(manageBackend(createHybridWithOutbox({ ...parts, outbox, policy: QUICK })))
}

function keep(storage: StorageManager): StorageManager {
  opened.push(storage)
  return storage
}

/** As often as it takes until nothing is left to copy. */
async function migrate(module: string) {
  const [source, target] = [await sqlite(), await createR2Backend(server.settings)]
  await runMigration(source, target, { module, ...migrationNotes(source) })
  const verified = await verifyMigration(source, target, { module })
  await source.close()
  await target.close()
  return verified
}

describe.each(['without an outbox', 'with an outbox'])('a hybrid %s', (kind) => {
  it('refuses a change over what a process on SQLite alone has changed since, and then has that one', async () => {
    const [hybrid, alone] = [await openHybrid(kind), keep(manageBackend(await sqlite()))]
    const at = { module: `refused ${kind}`, userId: 'u', recordId: 'a' }
    const { etag } = await hybrid.storeData({ module: at.module, ...RECORD, data: 'first' })
    const changed = await alone.updateData({ ...at, data: 'on SQLite', ifMatch: etag })
    await expect(hybrid.updateData({ ...at, data: 'on both', ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    await expect(hybrid.deleteData(at.module, 'u', 'a', { ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    expect(await hybrid.retrieveData(at.module, 'u', 'a')).toMatchObject({
      data: 'on SQLite',
      etag: changed.etag,
      storageBackend: 'r2',
    })
  })

  it('makes a change without a version on top of it, on both sides', async () => {
    const [hybrid, alone] = [await openHybrid(kind), keep(manageBackend(await sqlite()))]
    const at = { module: `on top ${kind}`, userId: 'u', recordId: 'a' }
    await hybrid.storeData({ module: at.module, ...RECORD, data: ['first'] })
    await alone.updateData({ ...at, data: ['first', 'on SQLite'] })
    const update = (current: unknown) => [...(current as string[]), 'on both']
    expect(await hybrid.updateData({ ...at, data: update })).toMatchObject({
      data: ['first', 'on SQLite', 'on both'],
      revision: 3,
    })
    expect(await alone.retrieveData(at.module, 'u', 'a')).toMatchObject({ revision: 3 })
  })

  it('carries over what is changed after it has carried over something, and refused its own change', async () => {
    const [hybrid, alone] = [await openHybrid(kind), keep(manageBackend(await sqlite()))]
    const at = { module: `twice ${kind}`, userId: 'u', recordId: 'a' }
    const append = (word: string) => ({ ...at, data: (now: unknown) => [...(now as string[]), word] })
    const { etag } = await hybrid.storeData({ module: at.module, ...RECORD, data: [] })
    await alone.updateData(append('one'))
    await expect(hybrid.updateData({ ...at, data: [], ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
    })
    await alone.updateData(append('two'))
    expect(await hybrid.updateData(append('on both'))).toMatchObject({ data: ['one', 'two', 'on both'] })
  })

  it('never replaces an intact body by a damaged one', async () => {
    const [hybrid, alone] = [await openHybrid(kind), keep(manageBackend(await sqlite()))]
    const at = { module: `damaged ${kind}`, userId: 'u', recordId: 'a' }
    const { etag } = await hybrid.storeData({ module: at.module, ...RECORD, data: 'intact' })
    await alone.updateData({ ...at, data: 'damaged later' })
    const damage = "UPDATE bodies SET bytes = CAST(replace(CAST(bytes AS TEXT), 'later', 'LATER') AS BLOB)"
    changeFile(folder.sqlitePath, damage)
    const damaged = alone.retrieveData(at.module, 'u', 'a')
    await expect(damaged).rejects.toMatchObject({ code: 'CORRUPT' })
    // What cannot be read any more is no reason to refuse a change over what R2 has.
    await hybrid.updateData({ ...at, data: 'on both', ifMatch: etag })
    const direct = keep(manageBackend(await createR2Backend(server.settings)))
    expect(await direct.retrieveData(at.module, 'u', 'a')).toMatchObject({ data: 'on both' })
  })

  it('carries over a record that was deleted and created again, and lists it once', async () => {
    const [hybrid, alone] = [await openHybrid(kind), keep(manageBackend(await sqlite()))]
    const at = { module: `again ${kind}`, userId: 'u' }
    for (const id of ['a', 'b', 'c', 'd']) await hybrid.storeData({ ...at, id, data: ['first'] })
    await alone.deleteData(at.module, 'u', 'a')
    await alone.storeData({ ...at, id: 'a', data: ['again'] })
    const listed: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await hybrid.listEntries(at.module, 'u', {
        limit: 2,
        ...(cursor !== undefined && { cursor }),
      })
      listed.push(...page.items.map(({ id }) => id))
      cursor = page.cursor
      if (cursor === undefined) break
    }
    expect(listed.toSorted()).toEqual(['a', 'b', 'c', 'd'])
    const data = (now: unknown) => [...(now as string[]), 'on both']
    expect(await hybrid.updateData({ ...at, recordId: 'a', data })).toMatchObject({
      data: ['again', 'on both'],
    })
    const list = await hybrid.listEntries(at.module, 'u')
    expect(list.items.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c', 'd'])
  })
})

it('what another host has written to R2 meanwhile is not replaced by what was changed on SQLite alone', async () => {
  const [hybrid, alone] = [await openHybrid('without an outbox'), keep(manageBackend(await sqlite()))]
  const direct = keep(manageBackend(await createR2Backend(server.settings)))
  const at = { module: 'both changed', userId: 'u', recordId: 'a' }
  await hybrid.storeData({ module: at.module, ...RECORD, data: ['first'] })
  const append = (word: string) => ({ ...at, data: (current: unknown) => [...(current as string[]), word] })
  await direct.updateData(append('on R2'))
  for (const word of ['on SQLite', 'twice']) await alone.updateData(append(word))
  expect(await hybrid.updateData(append('on both'))).toMatchObject({ data: ['first', 'on R2', 'on both'] })
})

it('processes on SQLite alone and in hybrid mode lose nothing of each other while an application moves', async () => {
  const kinds = ['SQLite', 'hybrid', 'hybrid with outbox', 'migration'] as const
  const steps = fc.array(fc.constantFrom(...kinds), { minLength: 5, maxLength: 6 })
  const writers = {
    SQLite: keep(manageBackend(await sqlite())),
    hybrid: await openHybrid('without an outbox'),
    'hybrid with outbox': await openHybrid('with an outbox'),
  }
  let runs = 0
  const check = fc.asyncProperty(steps, async (plan) => {
    const module = `moving-${runs++}`
    await writers.SQLite.storeData({ module, ...RECORD, data: [] })
    const expected: string[] = []
    for (const [n, kind] of plan.entries()) {
      if (kind === 'migration') await migrate(module)
      else {
        const word = `${kind} ${n}`
        const update = (current: unknown) => [...(current as string[]), word]
        await writers[kind].updateData({ module, userId: 'u', recordId: 'a', data: update })
        expected.push(word)
      }
    }
    expect(await migrate(module)).toMatchObject({ equal: true })
    for (const writer of Object.values(writers))
      expect((await writer.retrieveData(module, 'u', 'a'))?.data).toEqual(expected)
  })
  await fc.assert(check, { numRuns: 5 })
})
