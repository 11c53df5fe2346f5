import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseSettings } from '@umbra/core'
import { startLocalR2 } from '@umbra/r2/local'
import type { LocalR2 } from '@umbra/r2/local'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const FIXTURE = fileURLToPath(new URL('killed-process.fixture.ts', import.meta.url))
const MODES = ['sql', 'before', 'sql', 'after'] as const
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

/** Runs one process to its end; notes the highest revision it acknowledged of each record. */
async function run(acknowledged: Map<string, number>, ...args: readonly string[]): Promise<string | null> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@umbra/source', FIXTURE, JSON.stringify(server.settings), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const [id = '', revision] = line.split(' ')
    acknowledged.set(id, Number(revision))
  }
  const [code, signal]: unknown[] = await exited
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the process failed with ${String(code)}`)
  return signal === 'SIGKILL' ? 'killed' : null
}

/** Of processes, one after the other, on each file. More of them: `npm run soak -- --only r2-kills`. */
const ROUNDS = 8

/** Every acknowledged change is there, whole and once, after all files were drained. */
async function check(acknowledged: ReadonlyMap<string, number>, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const env = { ...toEnvironment(server), SQLITE_PATH: path, STORAGE_BACKEND: 'r2' }
    const storage = await createStorageManager(parseSettings(env), { outbox: { recoveryJitterMs: 0 } })
    expect(await storage.sync({ timeoutMs: 30_000 })).toEqual({ pending: 0 })
    expect(await storage.conflicts()).toEqual([])
    await storage.close()
  }
  const env = {
    ...toEnvironment(server),
    SQLITE_PATH: join(folder.path, 'reader.sqlite'),
    STORAGE_BACKEND: 'r2',
  }
  const reader = await createStorageManager(parseSettings(env))
  const records = await reader.retrieveData('m', 'u')
  await reader.close()
  const held = new Map(records.map(({ id, revision, data }) => [id, { revision, data }]))
  const missing = [...acknowledged].filter(([id, revision]) => (held.get(id)?.revision ?? 0) < revision)
  expect(missing).toEqual([])
  expect([...held.values()].filter(({ revision, data }) => revision !== data)).toEqual([])
}

it('loses and doubles nothing when killed at statements and requests, while the store goes and comes', async () => {
  const acknowledged = new Map<string, number>()
  const paths = [0, 1, 2].map((file) => join(folder.path, `${file}.sqlite`))
  const port = Number(new URL(server.endpoint).port)
  let killed = 0
  const done = new AbortController()
  const flapping = (async () => {
    while (!done.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      await server.close()
      await new Promise((resolve) => setTimeout(resolve, 700))
      server = await startServer(port)
    }
  })()
  const kill = async (path: string, file: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const mode = MODES[(round + file) % MODES.length] ?? 'sql'
      const at = mode === 'sql' ? 12 + round * 31 + file * 5 : 1 + ((round * 7 + file) % 40)
      if ((await run(acknowledged, path, `${file}-${round}`, mode, String(at))) === 'killed') killed++
    }
  }
  try {
    await Promise.all(paths.map(kill))
  } finally {
    done.abort()
    await flapping
  }
  // Whoever has done its work before its turn comes ends by itself.
  expect(killed).toBeGreaterThan(ROUNDS / 2)
  expect(acknowledged.size).toBeGreaterThan(ROUNDS)
  await check(acknowledged, paths)
}, 240_000)

it('lets two processes share one file and drain one namespace', async () => {
  const acknowledged = new Map<string, number>()
  const path = join(folder.path, 'shared.sqlite')
  const ends = ['a', 'b'].map((name) => run(acknowledged, path, name, 'work', '40'))
  expect(await Promise.all(ends)).toEqual([null, null])
  expect(acknowledged.size).toBe(80)
  expect([...acknowledged.values()].every((revision) => revision === 2)).toBe(true)
  await check(acknowledged, [path])
}, 120_000)
