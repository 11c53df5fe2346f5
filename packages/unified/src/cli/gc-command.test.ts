import { manageBackend, systemClock } from '@umbra/core'
import type { Clock, Environment, ObjectStore } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'
import { runUmbra } from './cli.fixture.ts'

const AT = { module: 'm', userId: 'u' }
const WITHIN = ['--module', 'm', '--user', 'u']
/** As a process that was killed before its commit leaves it. */
const ORPHAN = 'm/u/2026/01/01/orphan.json'
const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1_000
/** When the grace of everything that is there is over. */
const later: Clock = { ...systemClock, now: () => Date.now() + TWO_DAYS_MS }

describe('umbra gc', () => {
  let server: LocalR2
  let folder: StorageFolder
  let env: Environment
  let bucket: ObjectStore | undefined
  let close: () => Promise<void>

  beforeAll(async () => {
    server = await startLocalR2()
    folder = await createStorageFolder()
    env = {
      ...toEnvironment(server),
      STORAGE_BACKEND: 'r2',
      SQLITE_PATH: folder.sqlitePath,
      UMBRA_CACHE_DIR: folder.path,
    }
    const decorate = (objects: ObjectStore) => (bucket = objects)
    const storage = manageBackend(await createR2Backend(server.settings, { decorate }))
    await storage.storeData({ ...AT, id: 'a', data: 'kept' })
    close = () => storage.close()
  })
  afterAll(async () => {
    await close()
    await server.close()
    await folder.remove()
  })
  beforeEach(() => bucket?.put(ORPHAN, new TextEncoder().encode('123')))

  const isThere = async () => (await bucket?.head(ORPHAN)) !== undefined
  const gc = (words: readonly string[], options: { answer?: string; clock?: Clock } = {}) =>
    runUmbra(['gc', ...WITHIN, ...words], { env, clock: later, ...options })

  it('asks, naming how many, and deletes only when that was agreed to', async () => {
    const refused = await gc([], { answer: 'n' })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('Delete 1 objects from r2, because nothing refers to them any more?')
    expect(await isThere()).toBe(true)
    const agreed = await gc([], { answer: 'y' })
    expect(agreed.exitCode).toBe(0)
    expect(agreed.stdout).toMatch(/^m +u +0 +1 +3 B$/m)
    expect(await isThere()).toBe(false)
  })

  it('deletes nothing where there is no terminal to ask on, and says what agrees', async () => {
    const text = await gc([])
    expect(text).toMatchObject({ exitCode: 2, stdout: '' })
    expect(text.stderr).toContain('give --yes to agree')
    const json = await gc(['--json'])
    expect(json.exitCode).toBe(2)
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'INVALID_INPUT' } })
    expect(await isThere()).toBe(true)
  })

  it('does not ask with --yes', async () => {
    expect(await gc(['--yes'])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await isThere()).toBe(false)
  })

  it('does not ask in a dry run, and deletes nothing', async () => {
    const dry = await gc(['--dry-run', '--json'])
    expect(dry).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(dry.stdout)).toMatchObject([{ ...AT, orphans: 1, orphanBytes: 3, dryRun: true }])
    expect(await isThere()).toBe(true)
  })

  it('does not ask when there is nothing to delete: within the grace nothing is', async () => {
    const early = await gc([], { clock: systemClock })
    expect(early).toMatchObject({ exitCode: 0, stderr: '' })
    expect(early.stdout).toMatch(/^m +u +0 +0 +0 B$/m)
    expect(await isThere()).toBe(true)
  })
})
