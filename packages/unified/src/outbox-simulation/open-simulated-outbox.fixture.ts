import type { StorageBackend } from '@umbra/core'
import type { SimulatedProcess } from '@umbra/core/testing'
import { openOutbox } from '@umbra/sqlite'
import type { Outbox } from '@umbra/sqlite'
import { createMemoryParts } from '../../../r2/src/manifest/memory-parts.fixture.ts'
import { SMALL_LIMITS } from '../../../r2/src/manifest/simulated-manifest.fixture.ts'
import { assembleR2Backend } from '../../../r2/src/r2-backend.ts'
import { createOutboxBackend } from '../outbox/outbox-backend.ts'
import { createKillableTrace } from './killable-trace.fixture.ts'
import type { KillableTrace } from './killable-trace.fixture.ts'
import type { OutboxFile, OutboxWorld } from './outbox-world.fixture.ts'

/** Where something may come in between: a mistake, to see whether the check notices, or a store of another kind. */
export interface OutboxSeams {
  /** Between the outbox's backend and the engine. */
  readonly primary?: (primary: StorageBackend) => StorageBackend
  /** Between the outbox's backend and its file. */
  readonly outbox?: (outbox: Outbox) => Outbox
}

export interface SimulatedOutbox {
  readonly file: OutboxFile
  readonly backend: StorageBackend
  readonly outbox: Outbox
  readonly trace: KillableTrace
}

const RESTART_MS = 500
const COMMIT_TIMEOUT_MS = 30_000

/** Everything the product has between an application and the store but the files of parts, which are in memory. */
export async function openSimulatedOutbox(
  process: SimulatedProcess,
  { world, file, seams = {} }: { world: OutboxWorld; file: OutboxFile; seams?: OutboxSeams },
): Promise<SimulatedOutbox> {
  const { clock, ids } = process
  const holder = `${process.name} ${file.name} ${ids.next(clock.now())}`
  const trace = createKillableTrace(() => process.crash(RESTART_MS))
  const outbox = await openOutbox(
    { path: file.path },
    {
      clock,
      ids,
      holder: { name: holder, isAlive: (name) => world.isAlive(name) },
      trace: trace.trace,
      // The power does not fail here, only processes do.
      prepare: (connection) => void connection.pragma('synchronous = off'),
    },
  )
  world.note({ outbox, trace })
  world.join(rootOf(process), holder)
  const retry = { policy: { maxAttempts: 5, baseDelayMs: 50, maxDelayMs: 5_000 }, clock, random: ids.random }
  const primary = assembleR2Backend({
    objects: process.objects,
    links: { presignDownload: unsupported, presignUpload: unsupported },
    headIntervalMs: 1_000,
    multiWriter: true,
    clock,
    nextTurn: () => clock.sleep(0),
    ids,
    retry,
    commitTimeoutMs: COMMIT_TIMEOUT_MS,
    ...createMemoryParts(),
    limits: SMALL_LIMITS,
    close: async () => {},
  })
  const backend = createOutboxBackend({
    primary: seams.primary?.(primary) ?? primary,
    outbox: noting(seams.outbox?.(outbox) ?? outbox, world, file),
    clock,
    ids,
    policy: { recoveryJitterMs: 3_000, maxBreakMs: 5_000, pausedRetryMs: 5_000 },
  })
  return { file, backend, outbox, trace }
}

/** Writes down what is queued, once it is, and when the file is taken for a copy. */
function noting(outbox: Outbox, world: OutboxWorld, file: OutboxFile): Outbox {
  return {
    ...outbox,
    append: async (lane, write, state) => {
      const appended = await outbox.append(lane, write, state)
      const label = 'mutations' in write ? world.labels.get(write.mutations) : undefined
      if (label !== undefined) world.queued.push({ label, file, opId: appended.opId, pk: appended.pk })
      return appended
    },
    renameWriter: async (lease) => {
      const renamed = await outbox.renameWriter(lease)
      if (renamed !== undefined) world.renames++
      return renamed
    },
  }
}

/** `p1` in all its lives. */
export function rootOf({ name }: SimulatedProcess): string {
  return name.split('/')[0] ?? name
}

function unsupported(): Promise<never> {
  return Promise.reject(new Error('a simulated store has no links'))
}
