import type { Environment, StorageManager } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as GetStorageManager from './get-storage-manager.ts'
import { toEnvironment } from './local-environment.fixture.ts'
import { createStorageFolder } from './storage-folder.fixture.ts'
import type { StorageFolder } from './storage-folder.fixture.ts'

let server: LocalR2
let folder: StorageFolder
let getStorageManager: typeof GetStorageManager.getStorageManager
let code: string
const opened: StorageManager[] = []
const warnings: (Error & { code?: string })[] = []
const listen = (warning: Error) => warnings.push(warning)

beforeAll(async () => {
  server = await startLocalR2()
  process.on('warning', listen)
})
afterAll(async () => {
  process.off('warning', listen)
  await server.close()
})
beforeEach(async () => {
  // What a process remembers is what is tested, so every test is a new process in this respect.
  vi.resetModules()
  ;({ getStorageManager, FALLBACK_WARNING_CODE: code } = await import('./get-storage-manager.ts'))
  folder = await createStorageFolder()
  warnings.length = 0
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await folder.remove()
})

async function open(...args: Parameters<typeof getStorageManager>) {
  const storage = await getStorageManager(...args)
  opened.push(storage)
  return storage
}

async function fallbackWarnings() {
  // Warnings are emitted in the next tick.
  await new Promise((resolve) => setImmediate(resolve))
  return warnings.filter((warning) => warning.code === code).map(({ message }) => message)
}

const backendOf = async (storage: StorageManager) => (await storage.getStorageInfo()).backend

describe('one storage per process', () => {
  it('gives everybody the same one, and a new one after it was closed', async () => {
    const env = { STORAGE_BACKEND: 'sqlite', SQLITE_PATH: folder.sqlitePath }
    const [first, second] = await Promise.all([open({ env }), open()])
    expect(second).toBe(first)
    const { id } = await first.storeData({ module: 'm', userId: 'u', data: 1 })
    const closing = first.close()
    const third = await open({ env })
    expect(third).not.toBe(first)
    await closing
    await first.close()
    expect(await open()).toBe(third)
    expect((await third.retrieveData('m', 'u', id))?.data).toBe(1)
    expect(await fallbackWarnings()).toEqual([])
  })

  it('does not remember a start that failed', async () => {
    const failing = getStorageManager({ env: { STORAGE_BACKEND: 'tape' } })
    await expect(failing).rejects.toMatchObject({ code: 'CONFIGURATION' })
    const storage = await open({ env: { SQLITE_PATH: folder.sqlitePath } })
    expect(await backendOf(storage)).toBe('sqlite')
  })

  it('reads the environment of the process by default', async () => {
    vi.stubEnv('STORAGE_BACKEND', 'sqlite')
    vi.stubEnv('SQLITE_PATH', folder.sqlitePath)
    expect(await backendOf(await open())).toBe('sqlite')
    vi.unstubAllEnvs()
  })
})

describe('falling back to SQLite', () => {
  it('does not happen when R2 can be used', async () => {
    const env = { ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath }
    expect(await backendOf(await open({ env }))).toBe('r2')
    expect(await fallbackWarnings()).toEqual([])
  })

  it.each([['r2'], ['hybrid']])('warns once and names what is missing for %s', async (backend) => {
    const env = { STORAGE_BACKEND: backend, R2_BUCKET: 'bucket', SQLITE_PATH: folder.sqlitePath }
    const storage = await open({ env })
    expect(await backendOf(storage)).toBe('sqlite')
    await storage.close()
    await open({ env })
    const [message, ...more] = await fallbackWarnings()
    expect(message).toMatch(/R2_ACCOUNT_ID.*R2_ACCESS_KEY_ID.*R2_SECRET_ACCESS_KEY/)
    expect(message).not.toContain('R2_BUCKET')
    expect(more).toEqual([])
  })

  it('warns when some R2 variables are set and the backend is left open', async () => {
    const env = { ...toEnvironment(server), R2_SECRET_ACCESS_KEY: '', SQLITE_PATH: folder.sqlitePath }
    expect(await backendOf(await open({ env }))).toBe('sqlite')
    expect(await fallbackWarnings()).toEqual([expect.stringContaining('missing: R2_SECRET_ACCESS_KEY')])
  })

  it('happens when the R2 half of a hybrid refuses the credentials, without printing a secret', async () => {
    const env: Environment = {
      ...toEnvironment(server),
      R2_SECRET_ACCESS_KEY: 'wrong-secret-key',
      STORAGE_BACKEND: 'hybrid',
      SQLITE_PATH: folder.sqlitePath,
    }
    const refused = getStorageManager({ env, fallback: 'none' })
    await expect(refused).rejects.toMatchObject({
      code: expect.stringMatching(/UNAUTHENTICATED|FORBIDDEN/),
    })
    expect(await backendOf(await open({ env }))).toBe('sqlite')
    const [message, ...more] = await fallbackWarnings()
    expect(message).toMatch(/^r2 cannot be used, so everything is stored in sqlite; r2 /)
    expect(message).not.toContain(env['R2_SECRET_ACCESS_KEY'])
    expect(more).toEqual([])
  })

  it.each(['r2', 'hybrid'])('does not happen when R2 cannot be reached: writes to %s wait', async (name) => {
    const right = { ...toEnvironment(server), STORAGE_BACKEND: name, SQLITE_PATH: folder.sqlitePath }
    const storage = await open({ env: { ...right, R2_ENDPOINT: 'http://127.0.0.1:9/' } })
    expect(await backendOf(storage)).toBe(name)
    const { id, pending } = await storage.storeData({ module: 'm', userId: 'waits', data: 1 })
    expect(pending).toBe(true)
    await storage.close()
    const back = await open({ env: right })
    expect(await back.sync({ timeoutMs: 30_000 })).toEqual({ pending: 0 })
    expect(await back.retrieveData('m', 'waits', id)).toMatchObject({ data: 1, pending: false })
    expect(await fallbackWarnings()).toEqual([])
  })

  it('does not happen for refused credentials, which keep what is stored once R2 was used', async () => {
    const right = { ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath }
    const wrong = { ...right, R2_SECRET_ACCESS_KEY: 'wrong-secret-key' }
    await expect(getStorageManager({ env: wrong })).rejects.toMatchObject({
      code: expect.stringMatching(/UNAUTHENTICATED|FORBIDDEN/),
    })
    const storage = await open({ env: right })
    await storage.storeData({ module: 'm', userId: 'paused', data: 1 })
    await storage.close()
    const refused = await open({ env: wrong })
    const { id, pending } = await refused.storeData({ module: 'm', userId: 'paused', data: 2 })
    expect(pending).toBe(true)
    expect((await refused.health()).outbox?.paused).toHaveLength(1)
    await refused.close()
    const back = await open({ env: right })
    expect(await back.sync({ timeoutMs: 30_000 })).toEqual({ pending: 0 })
    expect(await back.retrieveData('m', 'paused', id)).toMatchObject({ data: 2, pending: false })
    expect(await fallbackWarnings()).toEqual([])
  })

  it('does not happen with fallback none, nor for mistakes in the settings', async () => {
    const incomplete = { STORAGE_BACKEND: 'r2', SQLITE_PATH: folder.sqlitePath }
    await expect(getStorageManager({ env: incomplete, fallback: 'none' })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      details: { missing: expect.arrayContaining(['R2_BUCKET']) },
    })
    const mistaken = { ...toEnvironment(server), R2_ENDPOINT: 'not a url', SQLITE_PATH: folder.sqlitePath }
    await expect(getStorageManager({ env: mistaken })).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(await fallbackWarnings()).toEqual([])
  })

  it('reports that SQLite cannot be used either', async () => {
    const env = { STORAGE_BACKEND: 'r2', SQLITE_PATH: '/dev/null/umbra.sqlite' }
    await expect(getStorageManager({ env })).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(await fallbackWarnings()).toEqual([])
  })
})
