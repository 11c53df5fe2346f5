import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseSettings } from '@umbra/core'
import { createR2Backend } from '@umbra/r2'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { createSqliteBackend } from '@umbra/sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { contentsOf } from '../migration/migration.fixture.ts'
import { verifyMigration } from '../migration/verify-migration.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const FIXTURE = fileURLToPath(new URL('killed-hybrid.fixture.ts', import.meta.url))
const MODES = ['after-request', 'before-copy', 'after-copy', 'at-sql'] as const
const KILLS = 20
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' }

let folder: StorageFolder
let server: LocalR2

const startServer = (port?: number) =>
  startLocalR2({ dir: join(folder.path, 'r2'), credentials: CREDENTIALS, ...(port && { port }) })

beforeEach(async () => {
  folder = await createStorageFolder()
  server = await startServer()
})
afterEach(async () => {
  await server.close()
  await folder.remove()
})

/** Runs one process to its end; notes the last step it acknowledged of each record. */
async function run(acknowledged: Map<string, number>, ...args: readonly string[]): Promise<boolean> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@umbra/source', FIXTURE, JSON.stringify(server.settings), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const [id = '', step] = line.split(' ')
    acknowledged.set(id, Number(step))
  }
  const [code, signal]: unknown[] = await exited
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the process failed with ${String(code)}`)
  return signal === 'SIGKILL'
}

it(`has every write on both sides, once, after ${KILLS} kills while R2 goes and comes`, async () => {
  const acknowledged = new Map<string, number>()
  const port = Number(new URL(server.endpoint).port)
  const done = new AbortController()
  const flapping = (async () => {
    while (!done.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      await server.close()
      await new Promise((resolve) => setTimeout(resolve, 700))
      server = await startServer(port)
    }
  })()
  let killed = 0
  try {
    for (let round = 0; killed < KILLS && round < 3 * KILLS; round++) {
      const mode = MODES[round % MODES.length] ?? 'at-sql'
      const at = mode === 'at-sql' ? 12 + round * 17 : 1 + ((round * 3) % 20)
      if (await run(acknowledged, folder.sqlitePath, String(round), mode, String(at))) killed++
    }
  } finally {
    done.abort()
    await flapping
  }
  expect(killed).toBe(KILLS)
  expect(acknowledged.size).toBeGreaterThan(KILLS)

  const env = { ...toEnvironment(server), SQLITE_PATH: folder.sqlitePath, STORAGE_BACKEND: 'hybrid' }
  const storage = await createStorageManager(parseSettings(env), { outbox: { recoveryJitterMs: 0 } })
  expect(await storage.sync({ timeoutMs: 60_000 })).toEqual({ pending: 0 })
  expect(await storage.conflicts()).toEqual([])
  const records = await storage.retrieveData('m', 'u')
  const held = new Map(records.map(({ id, revision, data }) => [id, { revision, data }]))
  expect([...held.values()].filter(({ revision, data }) => revision !== data)).toEqual([])
  const wrong = [...acknowledged].filter(([id, step]) =>
    step === 3 ? held.has(id) : !isAt(held.get(id), step),
  )
  expect(wrong).toEqual([])
  const sqlite = await createSqliteBackend({ path: folder.sqlitePath })
  const r2 = await createR2Backend(server.settings)
  const namespace = { module: 'm', userId: 'u' }
  expect(await contentsOf(sqlite, namespace)).toEqual(await contentsOf(r2, namespace))
  expect(await verifyMigration(r2, sqlite)).toMatchObject({ equal: true })
  await Promise.all([storage.close(), sqlite.close(), r2.close()])
}, 240_000)

/** At this step, or at the one after it, which was not acknowledged but may have been begun: a deletion too. */
function isAt(record: { readonly revision: number } | undefined, step: number): boolean {
  return record === undefined ? step === 2 : record.revision >= step
}
