import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { hasErrorCode, isUmbraError, parseSettings } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import { createSeededRandom } from '@umbra/core/testing'
import { createStorageManager } from '../../packages/unified/src/create-storage-manager.ts'
import { toEnvironment } from '../../packages/unified/src/local-environment.fixture.ts'
import { compareSides } from '../../packages/unified/src/process-kills/compare-sides.fixture.ts'
import { startStoppableR2 } from '../../packages/unified/src/process-kills/stoppable-r2.fixture.ts'
import type { SoakLoop } from './soak-loop.ts'

const DISK_BYTES = 4 * 1024 * 1024
const AT = { module: 'm', userId: 'u' }
const MAX_CHARACTERS = 20_000

/** Records that must be there as they were stored, and how many were refused for want of room. */
interface Filled {
  readonly acknowledged: ReadonlyMap<string, string>
  readonly refused: number
  readonly violations: readonly string[]
}

const run = promisify(execFile)

/** Databases on a disk that fills up, and is given room again. Mounts it, so it needs the superuser. */
export async function openFullDisk(): Promise<SoakLoop> {
  return {
    name: 'full-disk',
    close: async () => {},
    pass: async (seed, say) => {
      const random = createSeededRandom(seed)
      const disk = await mkdtemp(join(tmpdir(), 'umbra-full-disk-'))
      const elsewhere = await mkdtemp(join(tmpdir(), 'umbra-full-disk-r2-'))
      await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
      try {
        const resize = (bytes: number) => run('mount', ['-o', `remount,size=${bytes}`, disk])
        const filling = { random, makeRoom: () => resize(2 * DISK_BYTES) }
        const sqlite = await fillSqlite(join(disk, 'records.sqlite'), filling)
        say(`sqlite: ${sqlite.acknowledged.size} stored, ${sqlite.refused} refused`)
        const filled = [sqlite]
        for (const mode of ['r2', 'hybrid'] as const) {
          await emptyFolder(disk)
          await resize(DISK_BYTES)
          const folder = join(elsewhere, mode)
          const outbox = await fillOutbox({ mode, path: join(disk, `${mode}.sqlite`), folder }, filling)
          const { acknowledged, refused, onFullDisk } = outbox
          say(
            `${mode}: ${acknowledged.size} pending, ${refused} refused; draining a full disk: ${onFullDisk}`,
          )
          filled.push(outbox)
        }
        const sum = (count: (one: Filled) => number) => filled.reduce((all, one) => all + count(one), 0)
        return {
          counts: {
            'acknowledged on a full disk': sum(({ acknowledged }) => acknowledged.size),
            refused: sum(({ refused }) => refused),
          },
          violations: filled.flatMap(({ violations }) => violations),
        }
      } finally {
        await run('umount', ['-l', disk])
        await rm(disk, { recursive: true })
        await rm(elsewhere, { recursive: true })
      }
    },
  }
}

interface Filling {
  /** Says how large each record is. */
  readonly random: () => number
  readonly makeRoom: () => Promise<unknown>
}

async function fillSqlite(path: string, { random, makeRoom }: Filling): Promise<Filled> {
  const open = () => createStorageManager(parseSettings({ STORAGE_BACKEND: 'sqlite', SQLITE_PATH: path }))
  const storage = await open()
  const filled = await fill(storage, random, 'UNAVAILABLE')
  await storage.close()
  const again = await open()
  const violations = await missingFrom(again, filled)
  await makeRoom()
  violations.push(...(await goesOn(again)))
  await again.close()
  return { ...filled, violations }
}

interface OutboxOnDisk {
  readonly mode: 'r2' | 'hybrid'
  /** Of the database, on the disk that fills up. */
  readonly path: string
  /** For everything else. */
  readonly folder: string
}

async function fillOutbox(
  { mode, path, folder }: OutboxOnDisk,
  { random, makeRoom }: Filling,
): Promise<Filled & { readonly onFullDisk: string }> {
  await mkdir(folder)
  const r2 = await startStoppableR2(folder)
  const environment: Environment = {
    ...toEnvironment(r2.server),
    STORAGE_BACKEND: mode,
    SQLITE_PATH: path,
    UMBRA_CACHE_DIR: join(folder, 'cache'),
  }
  const storage = await createStorageManager(parseSettings(environment), { outbox: { recoveryJitterMs: 0 } })
  try {
    await r2.stop()
    const filled = await fill(storage, random, 'OUTBOX_FULL')
    await r2.start()
    // What is sent has to be written down as well, and there may be no room for it.
    const onFullDisk = await tryToDrain(storage)
    await makeRoom()
    const { pending } = await storage.sync({ timeoutMs: 60_000 })
    const violations = pending === 0 ? [] : [`${mode}: ${pending} operations were not sent`]
    violations.push(...(await missingFrom(storage, filled)))
    violations.push(...(await goesOn(storage)))
    violations.push(...(await compareSides({ environment: () => environment, paths: [path] })))
    return { ...filled, violations, onFullDisk }
  } finally {
    await storage.close()
    await r2.stop()
  }
}

/** How that ends is up to the room that is left; what must not happen is found out once there is room. */
async function tryToDrain(storage: StorageManager): Promise<string> {
  try {
    const { pending } = await storage.sync({ timeoutMs: 5_000 })
    return `${pending} still pending`
  } catch (error) {
    if (!isUmbraError(error) || error.code === 'INTERNAL') throw error
    return error.code
  }
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
}

/** Writes until nothing fits any more, then a little longer. */
async function fill(
  storage: StorageManager,
  random: () => number,
  expected: 'UNAVAILABLE' | 'OUTBOX_FULL',
): Promise<Omit<Filled, 'violations'>> {
  const acknowledged = new Map<string, string>()
  let refused = 0
  for (let n = 0; refused < 10; n++) {
    const id = `r${n}`
    const data = `${n} `.padEnd(Math.ceil(random() * MAX_CHARACTERS), 'x')
    try {
      await storage.storeData({ ...AT, id, data })
      acknowledged.set(id, data)
    } catch (error) {
      if (!hasErrorCode(error, expected)) throw error
      refused++
    }
  }
  return { acknowledged, refused }
}

async function missingFrom(
  storage: StorageManager,
  { acknowledged }: Pick<Filled, 'acknowledged'>,
): Promise<string[]> {
  const records = await storage.retrieveData(AT.module, AT.userId)
  const there = new Map(records.map(({ id, data }) => [id, data]))
  const missing = [...acknowledged].filter(([id, data]) => there.get(id) !== data)
  const uninvited = [...there.keys()].filter((id) => !acknowledged.has(id))
  return [
    ...missing.map(([id]) => `${id} was acknowledged and is missing, or another one`),
    ...uninvited.map((id) => `${id} was refused and is there`),
  ]
}

/** With room again, what was refused is accepted. */
async function goesOn(storage: StorageManager): Promise<string[]> {
  await storage.storeData({ ...AT, id: 'after', data: 'fits' })
  const after = await storage.retrieveData(AT.module, AT.userId, 'after')
  return after?.data === 'fits' ? [] : ['nothing can be stored after room was made']
}
