import { existsSync } from 'node:fs'
import { parseSettings } from '@umbra/core'
import type { Environment } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createStorageManager } from './create-storage-manager.ts'
import { toEnvironment } from './local-environment.fixture.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'
import type { StorageFolder } from './storage-folder.fixture.ts'

let server: LocalR2
let folder: StorageFolder
beforeAll(async () => {
  server = await startLocalR2()
  folder = await createStorageFolder()
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

it.each<[string, Environment, 'r2' | 'sqlite' | 'hybrid', boolean]>([
  ['sqlite when R2 is not configured', {}, 'sqlite', false],
  ['r2 when R2 is configured', {}, 'r2', true],
  ['r2 when asked', { STORAGE_BACKEND: 'r2' }, 'r2', true],
  ['sqlite when asked', { STORAGE_BACKEND: 'sqlite' }, 'sqlite', true],
  ['hybrid when asked', { STORAGE_BACKEND: 'hybrid' }, 'hybrid', true],
  ['sqlite when the feature is off', { STORAGE_BACKEND: 'r2', FEATURE_R2_STORAGE: 'false' }, 'sqlite', true],
])('opens %s', async (_name, env, backend, configured) => {
  const settings = parseSettings({
    SQLITE_PATH: folder.sqlitePath,
    ...(configured && toEnvironment(server)),
    ...env,
  })
  const storage = await createStorageManager(settings)
  expect((await storage.getStorageInfo()).backend).toBe(backend)
  const { id } = await storage.storeData({ module: 'm', userId: 'u', data: { backend } })
  const expected = backend === 'sqlite' ? 'sqlite' : 'r2'
  expect(await storage.retrieveData('m', 'u', id)).toMatchObject({
    data: { backend },
    storageBackend: expected,
  })
  await storage.close()
})

it('keeps no outbox when the settings say so, whatever the code says of how it should be', async () => {
  const sqlitePath = `${folder.sqlitePath}-off`
  const env = { ...toEnvironment(server), STORAGE_BACKEND: 'r2', SQLITE_PATH: sqlitePath }
  const off = await createStorageManager(parseSettings({ ...env, UMBRA_OUTBOX: 'off' }), {
    outbox: { conflicts: 'last-write-wins' },
  })
  const { id } = await off.storeData({ module: 'm', userId: 'off', data: 1 })
  expect((await off.health()).outbox).toBeUndefined()
  await off.close()
  expect(existsSync(sqlitePath)).toBe(false)
  const on = await createStorageManager(parseSettings(env))
  expect(await on.retrieveData('m', 'off', id)).toMatchObject({ data: 1 })
  expect((await on.health()).outbox).toMatchObject({ depth: 0 })
  await on.close()
  expect(existsSync(sqlitePath)).toBe(true)
})

it('rejects at the start when R2 is away and there is no outbox', async () => {
  const away = await startLocalR2()
  const env = { ...toEnvironment(away), SQLITE_PATH: `${folder.sqlitePath}-away`, UMBRA_OUTBOX: 'off' }
  await away.close()
  await expect(createStorageManager(parseSettings(env))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

it('signs links with the secret of the settings', async () => {
  const links = { UMBRA_SIGNING_SECRET: 's'.repeat(32), UMBRA_PUBLIC_URL: 'https://files.example.com' }
  const storage = await createStorageManager(parseSettings({ ...links, SQLITE_PATH: folder.sqlitePath }))
  const { storageKey } = await storage.storeData({ module: 'm', userId: 'u', data: 1 })
  const url = await storage.generatePresignedUrl(storageKey)
  expect(url).toMatch(/^https:\/\/files\.example\.com\//)
  expect(url).not.toContain('ssss')
  await storage.close()
})

it('closes the database again when the other half of a hybrid cannot be opened', async () => {
  const settings = parseSettings({
    ...toEnvironment(server),
    R2_BUCKET: 'no-such-bucket',
    STORAGE_BACKEND: 'hybrid',
    SQLITE_PATH: `${folder.sqlitePath}-2`,
  })
  await expect(createStorageManager(settings)).rejects.toMatchObject({ name: 'UmbraError' })
  // SQLite removes its log when the last connection closes.
  expect(existsSync(`${folder.sqlitePath}-2`)).toBe(true)
  expect(existsSync(`${folder.sqlitePath}-2-wal`)).toBe(false)
})
