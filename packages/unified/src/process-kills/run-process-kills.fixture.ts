import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseSettings } from '@umbra/core'
import type { Environment, Namespace } from '@umbra/core'
import { createSeededRandom, startFaultProxy } from '@umbra/core/testing'
import type { FaultProxy } from '@umbra/core/testing'
import { ROUGH_NETWORK } from '../../../r2/src/kill-rounds/kill-faults.fixture.ts'
import { allNamespaces, namespacesOf } from '../../../r2/src/kill-rounds/kill-plan.fixture.ts'
import { CONTENDED_IDS, COUNTER_ID } from '../../../r2/src/kill-rounds/worker-event.fixture.ts'
import type { WorkerProcess } from '../../../r2/src/kill-rounds/worker-process.fixture.ts'
import { createWriteLedger } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'
import type { WriteLedger } from '../../../r2/src/kill-rounds/write-ledger.fixture.ts'
import { createStorageManager } from '../create-storage-manager.ts'
import { toEnvironment } from '../local-environment.fixture.ts'
import type { ApplicationProgram } from './application-program.fixture.ts'
import { startStoppableR2 } from './stoppable-r2.fixture.ts'
import type { StoppableR2 } from './stoppable-r2.fixture.ts'
import { createTryCounter } from './try-counter.fixture.ts'
import type { TryCounter } from './try-counter.fixture.ts'

export type KilledMode = 'sqlite' | 'r2' | 'hybrid'

/** Processes at a time. */
const SLOTS = 4

/** The server is stopped and started again after every so many kills. */
const KILLS_PER_OUTAGE = 8

export interface ProcessKillsOptions {
  readonly mode: KilledMode
  readonly program: ApplicationProgram
  readonly folder: string
  readonly seed: number
  readonly kills: number
  /** Writes begun in all; a kill comes each time its share of them was begun. */
  readonly operations: number
  readonly onKill?: (kill: number, soFar: ProcessKills) => void
}

/** What happened. The server still runs, and whoever asked for it ends it. */
export interface ProcessKills {
  readonly mode: KilledMode
  readonly ledger: WriteLedger
  readonly namespaces: readonly Namespace[]
  /** The databases of the processes. */
  readonly paths: readonly string[]
  /** Past the proxy. */
  readonly environment: (path: string) => Environment
  counts(): Readonly<Record<string, number>>
  close(): Promise<void>
}

interface Rig extends ProcessKills {
  readonly options: ProcessKillsOptions
  readonly remote: { readonly r2: StoppableR2; readonly proxy: FaultProxy } | undefined
  readonly random: () => number
  readonly tries: TryCounter
  readonly workers: WorkerProcess[]
  readonly happened: { kills: number; outages: number }
}

/**
 * Applications that write, one after the other killed with SIGKILL and replaced by another on the same database, until a promise is seen broken or all are done. With R2
 * in play the network to it is rough, and the server goes away and comes back. Resolves when nothing is on its way.
 */
export async function runProcessKills(options: ProcessKillsOptions): Promise<ProcessKills> {
  const rig = await openRig(options)
  await createSharedRecords(rig)
  rig.remote?.proxy.setFaults(ROUGH_NETWORK)
  try {
    for (let slot = 0; slot < SLOTS; slot++) rig.workers.push(startWorker(rig, slot, 0))
    for (let kill = 1; kill <= options.kills && rig.ledger.violations.length === 0; kill++) {
      await killOne(rig, kill)
      options.onKill?.(kill, rig)
    }
  } finally {
    await Promise.all(rig.workers.map((worker) => worker.kill()))
    rig.remote?.proxy.setFaults([])
    await rig.remote?.proxy.settleLate()
    await rig.remote?.proxy.close()
  }
  return rig
}

async function openRig(options: ProcessKillsOptions): Promise<Rig> {
  const { mode, folder, seed } = options
  const remote = mode === 'sqlite' ? undefined : await openRemote(folder, seed)
  const ledger = createWriteLedger()
  const happened = { kills: 0, outages: 0 }
  return {
    options,
    mode,
    remote,
    ledger,
    happened,
    namespaces: allNamespaces(SLOTS, options.kills),
    // All on one file; with `r2` two on each, so that others are on another machine's.
    paths: Array.from({ length: mode === 'r2' ? SLOTS / 2 : 1 }, (_, n) => join(folder, `${n}.sqlite`)),
    environment: (path) => environmentOf(mode, path, remote?.r2.server),
    random: createSeededRandom(seed),
    tries: createTryCounter(),
    workers: [],
    counts: () => ({ ...happened, ...ledger.totals(), ...remote?.proxy.counts() }),
    close: async () => remote?.r2.stop(),
  }
}

async function openRemote(folder: string, seed: number) {
  const r2 = await startStoppableR2(folder)
  const proxy = await startFaultProxy({ target: r2.server.endpoint, seed })
  return { r2, proxy }
}

export function environmentOf(
  mode: KilledMode,
  path: string,
  server: StoppableR2['server'] | undefined,
): Environment {
  return {
    STORAGE_BACKEND: mode,
    SQLITE_PATH: path,
    UMBRA_CACHE_DIR: `${path}.cache`,
    ...(server && toEnvironment(server)),
  }
}

/** What every process changes. */
export async function createSharedRecords({
  paths: [path = ''],
  environment,
  namespaces,
}: Pick<ProcessKills, 'paths' | 'environment' | 'namespaces'>): Promise<void> {
  const storage = await createStorageManager(parseSettings(environment(path)))
  for (const { module, userId } of namespaces) {
    await storage.storeMany([
      { module, userId, id: COUNTER_ID, data: { total: 0, by: {} } },
      ...CONTENDED_IDS.map((id) => ({ module, userId, id, data: { trail: ['start'] } })),
    ])
  }
  await storage.putBlob(COUNTER_ID, { total: 0, by: {} })
  await storage.close()
}

function startWorker(
  { options, paths, remote, environment, ledger, tries }: Rig,
  slot: number,
  kill: number,
) {
  const path = paths[slot % paths.length] ?? ''
  const throughProxy = remote && { R2_ENDPOINT: remote.proxy.endpoint }
  const task = {
    environment: { ...environment(path), ...throughProxy },
    name: `${options.seed}-${kill}-${slot}`,
    namespaces: namespacesOf(slot, kill),
    loops: 4,
    maxPauseMs: 20,
  }
  return options.program.start(task, (event) => {
    ledger.hear(event)
    tries.hear(event)
  })
}

async function killOne(rig: Rig, kill: number): Promise<void> {
  const { options, random, tries, workers, happened, remote } = rig
  const [waitMs, choice] = [random() * 50, random()] as const
  await tries.reached(Math.ceil((options.operations * kill) / options.kills))
  await pause(waitMs)
  const slot = Math.floor(choice * workers.length)
  await workers[slot]?.kill()
  happened.kills++
  if (remote !== undefined && kill % KILLS_PER_OUTAGE === 0) {
    await remote.r2.stop()
    happened.outages++
    // The successor opens, and all go on, while there is no server.
    workers[slot] = startWorker(rig, slot, kill)
    await pause(300 + waitMs * 20)
    await remote.r2.start()
  } else workers[slot] = startWorker(rig, slot, kill)
}
