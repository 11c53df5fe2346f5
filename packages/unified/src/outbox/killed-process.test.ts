import { join } from 'node:path'
import { parseSettings } from '@umbra/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { BundledProgram } from '../../../r2/src/kill-rounds/bundle-program.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import { bundleApplication } from '../process-kills/bundle-application.fixture.ts'
import { runProgram } from '../process-kills/run-program.fixture.ts'
import { startStoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import type { StoppableR2 } from '../process-kills/stoppable-r2.fixture.ts'
import { whileFlapping } from '../process-kills/while-flapping.fixture.ts'
import { createStorageFolder } from '../storage-folder.fixture.ts'
import type { StorageFolder } from '../storage-folder.fixture.ts'

const MODES = ['sql', 'before', 'sql', 'after'] as const

let program: BundledProgram
beforeAll(async () => {
  program = await bundleApplication(join(import.meta.dirname, 'killed-process.fixture.ts'))
})
afterAll(() => program.remove())

let folder: StorageFolder
let r2: StoppableR2

beforeEach(async () => {
  folder = await createStorageFolder()
  r2 = await startStoppableR2(folder.path)
})
afterEach(async () => {
  await r2.stop()
  await folder.remove()
})

const run = (acknowledged: Map<string, number>, ...args: readonly string[]) =>
  runProgram({ program, r2, args, acknowledged })

/** Of processes, one after the other, on each file, at these places; `npm run soak -- --only r2-kills` kills at any moment. */
const ROUNDS = 4

/** Every acknowledged change is there, whole and once, after all files were drained. */
async function check(acknowledged: ReadonlyMap<string, number>, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const env = { ...toEnvironment(r2.server), SQLITE_PATH: path, STORAGE_BACKEND: 'r2' }
    const storage = await createStorageManager(parseSettings(env), { outbox: { recoveryJitterMs: 0 } })
    expect(await storage.sync({ timeoutMs: 30_000 })).toEqual({ pending: 0 })
    expect(await storage.conflicts()).toEqual([])
    await storage.close()
  }
  const env = {
    ...toEnvironment(r2.server),
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
  let killed = 0
  const kill = async (path: string, file: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const mode = MODES[(round + file) % MODES.length] ?? 'sql'
      const at = mode === 'sql' ? 12 + round * 31 + file * 5 : 1 + ((round * 7 + file) % 40)
      if ((await run(acknowledged, path, `${file}-${round}`, mode, String(at))) === 'SIGKILL') killed++
    }
  }
  await whileFlapping(r2, () => Promise.all(paths.map(kill)))
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
