import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { manageBackend } from '@umbra/core'
import type { Namespace } from '@umbra/core'
import { createSeededRandom, startFaultProxy } from '@umbra/core/testing'
import type { FaultCounts, FaultProxy, FaultRule } from '@umbra/core/testing'
import { createR2Backend } from '../create-r2-backend.ts'
import type { LocalR2 } from '../local/start-local-r2.ts'
import type { R2Settings } from '../r2-settings.ts'
import { createHeadRecorder } from './head-recorder.fixture.ts'
import type { HeadRecorder } from './head-recorder.fixture.ts'
import { allNamespaces, namespacesOf, slotOf } from './kill-plan.fixture.ts'
import { openSpotCheck } from './spot-check.fixture.ts'
import { CONTENDED_IDS, COUNTER_ID } from './worker-event.fixture.ts'
import type { WorkerProcess, WorkerProgram } from './worker-process.fixture.ts'
import { createWriteLedger } from './write-ledger.fixture.ts'
import type { WriteLedger } from './write-ledger.fixture.ts'

/** So many commits happen in a round before anybody is killed: a slow machine gets more time, not less to do. */
const COMMITS_PER_ROUND = 2

/** Milliseconds; a round in which nothing goes on does not wait for ever. */
const MAX_QUIET_MS = 2_000

export interface KillRoundsOptions {
  readonly server: LocalR2
  readonly program: WorkerProgram
  readonly seed: number
  /** In each round one worker is killed and another takes its place. */
  readonly rounds: number
  readonly faults: readonly FaultRule[]
  /** Workers at a time. Default 4. */
  readonly slots?: number
  /** Most milliseconds from a round's last awaited commit to its kill. Default 200. */
  readonly maxPauseMs?: number
  /** How likely the endpoint goes away for a moment in a round. Default 0.05. */
  readonly outageChance?: number
  readonly onRound?: (round: number, soFar: KillRounds) => void
}

/** What happened. */
export interface KillRounds {
  readonly ledger: WriteLedger
  readonly heads: HeadRecorder
  readonly namespaces: readonly Namespace[]
  readonly faultCounts: () => FaultCounts
}

interface Rig extends KillRounds {
  readonly options: KillRoundsOptions
  readonly proxy: FaultProxy
  /** What the workers use: the server, through the proxy. */
  readonly settings: R2Settings
  readonly random: () => number
  readonly workers: WorkerProcess[]
  readonly cacheFolder: string
}

/**
 * Lets workers write through a bad network and kills one after the other with SIGKILL: the same seed kills the same
 * workers in the same order, but when, to the microsecond, is up to the machine. Resolves when nothing is on its way.
 */
export async function runKillRounds(options: KillRoundsOptions): Promise<KillRounds> {
  const { server, seed, rounds, slots = 4 } = options
  const namespaces = allNamespaces(slots, rounds)
  const heads = createHeadRecorder(namespaces)
  const proxy = await startFaultProxy({ target: server.endpoint, seed, observer: heads })
  const rig: Rig = {
    options,
    proxy,
    heads,
    namespaces,
    ledger: createWriteLedger(),
    faultCounts: () => proxy.counts(),
    settings: { ...server.settings, endpoint: proxy.endpoint },
    random: createSeededRandom(seed),
    workers: [],
    cacheFolder: await mkdtemp(join(tmpdir(), 'umbra-kill-rounds-cache-')),
  }
  const spotCheck = await openSpotCheck(server.settings, rig)
  try {
    await createSharedRecords(rig)
    proxy.setFaults(options.faults)
    for (let slot = 0; slot < slots; slot++) rig.workers.push(startWorker(rig, slot, 0))
    for (let round = 1; round <= rounds; round++) {
      await killOne(rig, round)
      await spotCheck.look()
      options.onRound?.(round, rig)
    }
  } finally {
    await Promise.all(rig.workers.map((worker) => worker.kill()))
    proxy.setFaults([])
    await proxy.settleLate()
    await proxy.close()
    await spotCheck.close()
    await rm(rig.cacheFolder, { recursive: true })
  }
  return rig
}

/** What every worker changes; through the proxy, so that the record of the heads begins with the first. */
async function createSharedRecords({ settings, namespaces }: Rig): Promise<void> {
  const storage = manageBackend(await createR2Backend(settings))
  for (const { module, userId } of namespaces) {
    await storage.storeMany([
      { module, userId, id: COUNTER_ID, data: { total: 0, by: {} } },
      ...CONTENDED_IDS.map((id) => ({ module, userId, id, data: { trail: ['start'] } })),
    ])
  }
  await storage.close()
}

function startWorker(rig: Rig, slot: number, round: number): WorkerProcess {
  const { options, settings, ledger, cacheFolder } = rig
  const task = {
    // What a killed worker has left in its cache, its successor finds.
    settings: { ...settings, cache: { directory: join(cacheFolder, `slot-${slot}`) } },
    name: `${options.seed}-${round}-${slot}`,
    namespaces: namespacesOf(slot, round),
    loops: 4,
    maxPauseMs: 20,
  }
  return options.program.start(task, (event) => ledger.hear(event))
}

/** At a random moment, or the moment the store has applied a commit whose writer does not know it yet. */
async function killOne(rig: Rig, round: number): Promise<void> {
  const { random, heads, proxy, workers } = rig
  const { maxPauseMs = 200, outageChance = 0.05 } = rig.options
  const [waitMs, moment, choice, outage] = [random() * maxPauseMs, random(), random(), random()] as const
  const quiet = pause(MAX_QUIET_MS)
  for (let commit = 0; commit < COMMITS_PER_ROUND; commit++) await Promise.race([heads.nextVersion(), quiet])
  await pause(waitMs)
  const applied = moment < 0.5 ? await Promise.race([heads.nextVersion(), pause(MAX_QUIET_MS)]) : undefined
  const slot = (applied && slotOf(applied)) ?? chooseVictim(workers, choice)
  await workers[slot]?.kill()
  if (outage < outageChance) {
    await proxy.down()
    await pause(waitMs / 2)
    await proxy.up()
  }
  workers[slot] = startWorker(rig, slot, round)
}

/** Now and then one that is still starting; as a rule one that writes. */
function chooseVictim(workers: readonly WorkerProcess[], choice: number): number {
  const slots = [...workers.keys()]
  const writing = slots.filter((slot) => workers[slot]?.isReady())
  const isAny = writing.length === 0 || choice < 0.1
  const candidates = isAny ? slots : writing
  const share = isAny ? choice * 10 : (choice - 0.1) / 0.9
  return candidates[Math.floor(share * candidates.length) % candidates.length] ?? 0
}
