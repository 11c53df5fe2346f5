import { manageBackend } from '@umbra/core'
import type { StorageBackend } from '@umbra/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AT } from './hybrid/away.fixture.ts'
import { noteBucket } from './hybrid/hybrid-bucket.ts'
import { openThreeWays } from './hybrid/three-ways.fixture.ts'
import type { ThreeWays } from './hybrid/three-ways.fixture.ts'
import { migrateHalves, runMigration } from './migration.ts'

const BUCKET = { endpoint: 'https://account.r2.cloudflarestorage.com', bucket: 'umbra' }

let ways: ThreeWays
let sqlite: StorageBackend
let r2: StorageBackend
beforeEach(async () => {
  ways = await openThreeWays()
  sqlite = await ways.sqlite()
  r2 = ways.store.client()
})
afterEach(async () => {
  await sqlite.close()
  await ways.close()
})

describe('a record that both halves of a hybrid have changed, SQLite more often', () => {
  const inR2 = async () => (await ways.onR2.retrieveData('m', 'u', 'a'))?.data

  beforeEach(async () => {
    await noteBucket(sqlite, BUCKET)
    await (await ways.openHybrid()).storeData({ ...AT, id: 'a', data: 'both' })
    const update = { ...AT, recordId: 'a' }
    await ways.onR2.updateData({ ...update, data: 'r2' })
    for (const data of ['alone', 'twice']) await ways.alone.updateData({ ...update, data })
  })

  it('is not replaced by a migration that is not told so', async () => {
    const code = 'CONFIGURATION'
    const message = expect.stringContaining('migrateHalves') as string
    await expect(runMigration(sqlite, r2)).rejects.toMatchObject({ code, message })
    await expect(runMigration(r2, sqlite)).rejects.toMatchObject({ code })
    await expect(runMigration(sqlite, r2, { dryRun: true })).rejects.toMatchObject({ code })
    expect(await inR2()).toBe('r2')
  })

  it('is listed by one between halves, in either direction', async () => {
    for (const [source, target] of [
      [sqlite, r2],
      [r2, sqlite],
    ] as const) {
      const { total } = await migrateHalves(source, target)
      expect(total).toMatchObject({ copied: 0, conflicts: 1 })
    }
    expect(await inR2()).toBe('r2')
  })

  it('is copied to what is no half', async () => {
    const backup = manageBackend(r2)
    expect((await runMigration(sqlite, r2, { isHybrid: false })).total).toMatchObject({ copied: 1 })
    expect(await backup.retrieveData('m', 'u', 'a')).toMatchObject({ data: 'twice', revision: 3 })
  })
})

it('two sides without SQLite are no halves, nor are two files', async () => {
  for (const side of [r2, sqlite])
    await expect(migrateHalves(side, side)).rejects.toMatchObject({ code: 'CONFIGURATION' })
})

it('a file that was never half of a hybrid is migrated by revisions', async () => {
  await ways.alone.storeData({ ...AT, id: 'a', data: 1 })
  expect((await runMigration(sqlite, r2)).total).toMatchObject({ copied: 1, conflicts: 0 })
})
