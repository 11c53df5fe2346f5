import { startLocalR2 } from '@umbra/r2/local'
import { expect, it } from 'vitest'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import { killMigrations } from './kill-migrations.fixture.ts'

it('property 32: a migration that is killed at any moment and run again ends with equal sides', async () => {
  const folder = await createStorageFolder()
  const server = await startLocalR2()
  const { kills, differences } = await killMigrations(folder.sqlitePath, server.settings, 25)
  await server.close()
  await folder.remove()
  expect(kills).toBe(25)
  expect(differences).toEqual([])
}, 240_000)
