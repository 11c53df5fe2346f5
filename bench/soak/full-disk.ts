import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { hasErrorCode, parseSettings } from '@umbra/core'
import type { Environment, StorageManager } from '@umbra/core'
import { createSeededRandom } from '@umbra/core/testing'
import { createStorageManager } from '../../packages/unified/src/create-storage-manager.ts'
import { toEnvironment } from '../../packages/unified/src/local-environment.fixture.ts'
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
        await rm(join(disk, 'records.sqlite'))
        await resize(DISK_BYTES)
        const outbox = await fillOutbox(join(disk, 'outbox.sqlite'), elsewhere, filling)
        say(`outbox: ${outbox.acknowledged.size} pending, then sent; ${outbox.refused} refused`)
        const stored = sqlite.acknowledged.size + outbox.acknowledged.size
        return {
          counts: { 'acknowledged on a full disk': stored, refused: sqlite.refused + outbox.refused },
          violations: [...sqlite.violations, ...outbox.violations],
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

async function fillOutbox(path: string, folder: string, { random, makeRoom }: Filling): Promise<Filled> {
  const r2 = await startStoppableR2(folder)
  const environment: Environment = {
    ...toEnvironment(r2.server),
    STORAGE_BACKEND: 'r2',
    SQLITE_PATH: path,
    UMBRA_CACHE_DIR: join(folder, 'cache'),
  }
  const storage = await createStorageManager(parseSettings(environment), { outbox: { recoveryJitterMs: 0 } })
  try {
    await r2.stop()
    const filled = await fill(storage, random, 'OUTBOX_FULL')
    // What is sent has to be written down as well.
    await makeRoom()
    await r2.start()
    const { pending } = await storage.sync({ timeoutMs: 60_000 })
    const violations = pending === 0 ? [] : [`${pending} operations were not sent`]
    violations.push(...(await missingFrom(storage, filled)))
    violations.push(...(await goesOn(storage)))
    return { ...filled, violations }
  } finally {
    await storage.close()
    await r2.stop()
  }
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
