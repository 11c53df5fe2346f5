import { manageBackend } from '@umbra/core'
import type { StorageBackend, StorageManager } from '@umbra/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { aroundCommits, AT, createGate, openSqlite } from '../hybrid/away.fixture.ts'
import { createHybridBackend } from '../hybrid/hybrid-backend.ts'
import { migrationNotes } from '../hybrid/migration-notes.ts'
import { createFakeStore } from '../outbox/fake-store.fixture.ts'
import type { FakeStore } from '../outbox/fake-store.fixture.ts'
import { plainBackend } from '../plain-backend.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runMigration } from './run-migration.ts'

const RECORDS = 64

let folder: StorageFolder
let store: FakeStore
let hybrid: StorageManager
let sqlite: StorageBackend
let turn = 0
beforeEach(async () => {
  folder = await createStorageFolder()
  store = createFakeStore()
  sqlite = await openSqlite(folder.sqlitePath)
  const secondary = await openSqlite(folder.sqlitePath)
  hybrid = manageBackend(createHybridBackend({ primary: store.client(), secondary }))
  const records = Array.from({ length: RECORDS }, (_, index) => ({ ...AT, id: `r${index}`, data: 0 }))
  await manageBackend(sqlite).storeMany(records)
})
afterEach(async () => {
  await Promise.all([hybrid.close(), sqlite.close()])
  await folder.remove()
})

/** Through hybrid, one record after the other, in an order that meets every part of a batch. */
const changeNext = () =>
  hybrid.updateData({
    ...AT,
    recordId: `r${(turn += 29) % RECORDS}`,
    data: (current: unknown) => Number(current) + 1,
  })

it('ends although others change records of each large batch just before its commit', async () => {
  const target = aroundCommits(store.client(), {
    before: (_namespace, mutations) => (mutations.length > 4 ? changeNext() : undefined),
  })
  const report = await runMigration(sqlite, target, migrationNotes(sqlite))
  expect(report).toMatchObject({ settled: true, total: { conflicts: 0 } })
  expect((await manageBackend(store.direct).listEntries('m', 'u', { limit: 100 })).items).toHaveLength(
    RECORDS,
  )
})

it('stops between two commits of a batch of which others keep changing records, when it is told to', async () => {
  const interruption = new AbortController()
  let commits = 0
  const target = aroundCommits(store.client(), {
    async before() {
      await changeNext()
      if (++commits === 3) interruption.abort(new Error('enough'))
    },
  })
  const options = { ...migrationNotes(sqlite), signal: interruption.signal }
  await expect(runMigration(sqlite, target, options)).rejects.toThrow('enough')
  expect(commits).toBe(3)
})

it('copies a record with a later pass that others changed before each of its commits', async () => {
  await runMigration(sqlite, store.client())
  const change = { ...AT, recordId: 'r1', data: (current: unknown) => Number(current) + 1 }
  for (let changes = 0; changes < 20; changes++) await manageBackend(sqlite).updateData(change)
  let commits = 0
  const target = aroundCommits(store.client(), {
    before: () => (commits++ < 8 ? manageBackend(store.direct).updateData(change) : undefined),
  })
  const report = await runMigration(sqlite, target, migrationNotes(sqlite))
  expect(report).toMatchObject({ settled: true, total: { copied: 1, conflicts: 0 } })
  expect(await manageBackend(store.direct).retrieveData('m', 'u', 'r1')).toMatchObject({ data: 20 })
})

it('ends although a record that both have changes between its two listings', async () => {
  await runMigration(sqlite, store.client(), migrationNotes(sqlite))
  let changed = createGate()
  const target: StorageBackend = {
    ...plainBackend(sqlite),
    async findEntries(...about) {
      const page = await sqlite.findEntries(...about)
      await hybrid.updateData({ ...AT, recordId: 'r1', data: (current: unknown) => Number(current) + 1 })
      void changed.pass()
      return page
    },
  }
  const client = store.client()
  const source: StorageBackend = {
    ...client,
    async findEntries(...about) {
      await changed.reached
      changed = createGate()
      return client.findEntries(...about)
    },
  }
  const report = await runMigration(source, target, migrationNotes(sqlite))
  expect(report).toMatchObject({ settled: true, total: { conflicts: 0, copied: 0 } })
})
